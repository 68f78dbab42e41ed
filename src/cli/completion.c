// SPDX-License-Identifier: Apache-2.0
// Completion scripts of the shells, written out of the command table: nouns, verbs, flags, values.
#include <string.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/runs.h"

// The verbs of a noun, aliases left out, or its first parameter's place when it stands alone.
static void put_verbs(FILE *out, const char *noun)
{
    const struct wf_cli_command *c;
    const char *gap = "";
    for (size_t i = 0; (c = wf_cli_command_at(i)); i++)
        if (strcmp(c->noun, noun) == 0 && c->verb) {
            fprintf(out, "%s%s", gap, c->verb);
            gap = " ";
        }
}

static void put_flags(FILE *out, const struct wf_cli_param *p)
{
    for (; p->name; p++)
        if (p->flag)
            fprintf(out, " --%s", p->name);
}

// The i-th noun, each once; NULL past the end.
static const char *noun_at(size_t i)
{
    const struct wf_cli_command *c;
    const char *last = "";
    for (size_t k = 0; (c = wf_cli_command_at(k)); k++) {
        if (strcmp(c->noun, last) == 0)
            continue;
        last = c->noun;
        if (i-- == 0)
            return last;
    }
    return NULL;
}

static void put_nouns(FILE *out)
{
    const char *noun;
    for (size_t i = 0; (noun = noun_at(i)); i++)
        fprintf(out, "%s%s", i ? " " : "", noun);
}

// What a parameter with choices can be, for the shell to expand when it is asked for; dollar is
// what that shell has before a command in parentheses.
static void put_choices(FILE *out, const struct wf_cli_command *c, const struct wf_cli_param *p,
                        const char *dollar)
{
    if (p->kind == WF_PARAM_ENUM) {
        struct wf_buf text;
        wf_buf_init(&text, 4096);
        wf_cli_put_values(&text, c, p, " ");
        const char *s = wf_buf_cstr(&text);
        fputs(s ? s : "", out);
        wf_buf_free(&text);
    } else if (p->kind == WF_PARAM_INCIDENT) {
        fprintf(out, "%s(watchfire incident list --open --stale -q --timeout 2s 2>/dev/null)",
                dollar);
    } else if (p->kind == WF_PARAM_ROLE) {
        fputs("ic ops comms scribe liaison", out);
    } else {
        fputs("bash zsh fish", out);
    }
}

static bool has_choices(const struct wf_cli_param *p)
{
    return p->kind == WF_PARAM_ENUM || p->kind == WF_PARAM_INCIDENT || p->kind == WF_PARAM_ROLE ||
           strcmp(p->name, "SHELL") == 0;
}

// Sets opts behind a flag that takes one of few values, or at the n-th word behind the verb.
static void put_value_cases(FILE *out, const struct wf_cli_command *c)
{
    int n = 0;
    fputs("      case $prev:$n in\n", out);
    for (const struct wf_cli_param *p = c->params; p->name; p++)
        if (p->flag && has_choices(p)) {
            char letter[16] = "";
            if (p->letter)
                snprintf(letter, sizeof(letter), "|-%c:*", p->letter);
            fprintf(out, "        --%s:*%s) opts='", p->name, letter);
            put_choices(out, c, p, "$");
            fputs("' ;;\n", out);
        }
    for (const struct wf_cli_param *p = c->params; p->name; p++) {
        if (p->flag)
            continue;
        if (has_choices(p)) {
            fprintf(out, "        *:%d) opts='", n);
            put_choices(out, c, p, "$");
            fputs("' ;;\n", out);
        }
        n++;
    }
    fputs("      esac ;;\n", out);
}

// A case over "noun verb" that sets flags and opts, for bash and zsh alike.
static void put_flag_cases(FILE *out)
{
    const struct wf_cli_command *c;
    for (size_t i = 0; (c = wf_cli_command_at(i)); i++) {
        fprintf(out, "    \"%s %s\"%s) flags=\"", c->noun, c->verb ? c->verb : "",
                c->verb ? "" : "*");
        put_flags(out, c->params);
        fprintf(out, "\" n=$((count - %d))\n", c->verb ? 2 : 1);
        put_value_cases(out, c);
    }
}

// Short forms of nouns: a line for each, of that form with short and noun in it.
static void put_aliases(FILE *out, const char *form)
{
    const char *noun, *alias;
    for (size_t i = 0; (noun = noun_at(i)); i++)
        if ((alias = wf_cli_noun_alias(noun)))
            fprintf(out, form, alias, noun);
}

static void put_verb_cases(FILE *out)
{
    const char *noun;
    for (size_t i = 0; (noun = noun_at(i)); i++) {
        fprintf(out, "    %s) verbs=\"", noun);
        put_verbs(out, noun);
        fputs("\" ;;\n", out);
    }
}

// Words are told apart from flags, so that "watchfire --json incident <TAB>" works, too.
static void put_bash(FILE *out)
{
    fputs("# bash completion of watchfire: source <(watchfire completion bash)\n"
          "_watchfire() {\n"
          "  local cur=${COMP_WORDS[COMP_CWORD]} words=() verbs= flags= opts= w\n"
          "  local prev=${COMP_WORDS[COMP_CWORD - 1]} n count\n"
          "  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
          "    [[ $w == -* ]] || words+=(\"$w\")\n"
          "  done\n"
          "  [ \"${words[0]}\" != help ] || words=(\"${words[@]:1}\")\n"
          "  count=${#words[@]}\n"
          "  case ${words[0]} in\n",
          out);
    put_aliases(out, "    %s) words[0]=%s ;;\n");
    fputs("  esac\n  case ${words[0]} in\n", out);
    put_verb_cases(out);
    fputs("  esac\n  case \"${words[0]} ${words[1]}\" in\n", out);
    put_flag_cases(out);
    fputs("  esac\n  if [[ $cur == -* ]]; then\n    COMPREPLY=($(compgen -W \"$flags", out);
    put_flags(out, wf_cli_global_flags);
    fputs("\" -- \"$cur\"))\n"
          "  elif [ ${#words[@]} -eq 0 ]; then\n    COMPREPLY=($(compgen -W \"",
          out);
    put_nouns(out);
    fputs("\" -- \"$cur\"))\n"
          "  elif [ ${#words[@]} -eq 1 ] && [ -n \"$verbs\" ]; then\n"
          "    COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))\n"
          "  elif [ -n \"$opts\" ]; then\n    COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n"
          "  else\n    COMPREPLY=($(compgen -f -- \"$cur\"))\n  fi\n}\n"
          "complete -F _watchfire watchfire\n",
          out);
}

static void put_zsh(FILE *out)
{
    fputs("#compdef watchfire\n"
          "# zsh completion of watchfire: source <(watchfire completion zsh)\n"
          "_watchfire() {\n"
          "  local verbs= flags= opts= w n count prev=${words[CURRENT-1]}\n  local -a plain\n"
          "  for w in ${words[2,CURRENT-1]}; do\n    [[ $w == -* ]] || plain+=($w)\n  done\n"
          "  [[ ${plain[1]} != help ]] || plain=(${plain[2,-1]})\n"
          "  count=${#plain}\n"
          "  case ${plain[1]} in\n",
          out);
    put_aliases(out, "    %s) plain[1]=%s ;;\n");
    fputs("  esac\n  case ${plain[1]} in\n", out);
    put_verb_cases(out);
    fputs("  esac\n  case \"${plain[1]} ${plain[2]}\" in\n", out);
    put_flag_cases(out);
    fputs("  esac\n  if [[ ${words[CURRENT]} == -* ]]; then\n    compadd -- ${=flags}", out);
    put_flags(out, wf_cli_global_flags);
    fputs("\n  elif (( ${#plain} == 0 )); then\n    compadd -- ", out);
    put_nouns(out);
    fputs("\n  elif (( ${#plain} == 1 )) && [[ -n $verbs ]]; then\n"
          "    compadd -- ${=verbs}\n  elif [[ -n $opts ]]; then\n"
          "    compadd -- ${=${(e)opts}}\n  else\n    _files\n  fi\n}\n"
          // Autoloaded by its name, or sourced.
          "if [ \"$funcstack[1]\" = _watchfire ]; then\n  _watchfire \"$@\"\nelse\n"
          "  compdef _watchfire watchfire\nfi\n",
          out);
}

// In single quotes, as fish takes them.
static void put_fish_text(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

// The values that one parameter takes, behind "-a".
static void put_fish_choices(FILE *out, const struct wf_cli_command *c,
                             const struct wf_cli_param *p)
{
    fputs(" -a '", out);
    put_choices(out, c, p, "");
    fputc('\'', out);
}

// c is NULL for the flags that every command takes.
static void put_fish_flags(FILE *out, const struct wf_cli_command *c, const struct wf_cli_param *p,
                           const char *condition)
{
    for (; p->name; p++) {
        if (!p->flag)
            continue;
        fprintf(out, "complete -c watchfire%s -l %s", condition, p->name);
        if (p->letter)
            fprintf(out, " -s %c", p->letter);
        if (c && has_choices(p)) {
            fputs(" -x", out);
            put_fish_choices(out, c, p);
        } else if (p->kind != WF_PARAM_BOOL) {
            fputs(" -r", out);
        }
        fputs(" -d ", out);
        put_fish_text(out, p->help);
        fputc('\n', out);
    }
}

static void put_fish_command(FILE *out, const struct wf_cli_command *c)
{
    char condition[160];
    const char *gap = c->verb ? " " : "", *verb = c->verb ? c->verb : "";
    if (c->verb) {
        fprintf(out, "complete -c watchfire -f -n '__watchfire_at 1 %s' -a %s -d ", c->noun, verb);
        put_fish_text(out, c->summary);
        fputc('\n', out);
    }
    snprintf(condition, sizeof(condition), " -n '__watchfire_in %s%s%s'", c->noun, gap, verb);
    put_fish_flags(out, c, c->params, condition);
    int at = c->verb ? 2 : 1;
    for (const struct wf_cli_param *p = c->params; p->name; p++) {
        if (p->flag)
            continue;
        if (has_choices(p)) {
            fprintf(out, "complete -c watchfire -f -n '__watchfire_at %d %s%s%s'", at, c->noun, gap,
                    verb);
            put_fish_choices(out, c, p);
            fputc('\n', out);
        }
        at++;
    }
}

// Words are told apart from flags here, too.
static void put_fish(FILE *out)
{
    fputs("# fish completion of watchfire: watchfire completion fish | source\n"
          "function __watchfire_words\n"
          "  set -l words\n"
          "  for w in (commandline -opc)[2..-1]\n"
          "    string match -q -- '-*' $w; or set -a words $w\n  end\n"
          "  test \"$words[1]\" = help; and set -e words[1]\n"
          "  switch \"$words[1]\"\n",
          out);
    put_aliases(out, "    case %s; set words[1] %s\n");
    fputs("  end\n  test (count $words) -eq 0; or printf '%s\\n' $words\nend\n"
          "# __watchfire_in WORD...: the line begins with these\n"
          "function __watchfire_in\n"
          "  set -l words (__watchfire_words)\n"
          "  test (count $words) -ge (count $argv)\n"
          "  and test \"$words[1..\"(count $argv)\"]\" = \"$argv\"\nend\n"
          "# __watchfire_at COUNT WORD...: it does, and has so many words before the one being "
          "typed\n"
          "function __watchfire_at\n"
          "  test (count (__watchfire_words)) -eq $argv[1]; or return\n"
          "  test (count $argv) -eq 1; or __watchfire_in $argv[2..-1]\nend\n",
          out);
    const char *noun;
    for (size_t i = 0; (noun = noun_at(i)); i++) {
        const char *summary = wf_cli_noun_summary(noun);
        const struct wf_cli_command *alone = wf_cli_command_find(noun, NULL, NULL);
        fprintf(out, "complete -c watchfire -f -n '__watchfire_at 0' -a %s -d ", noun);
        put_fish_text(out, summary ? summary : alone->summary);
        fputc('\n', out);
    }
    const struct wf_cli_command *c;
    for (size_t i = 0; (c = wf_cli_command_at(i)); i++)
        put_fish_command(out, c);
    put_fish_flags(out, NULL, wf_cli_global_flags, "");
}

int wf_cli_run_completion(struct wf_cli *cli)
{
    const char *shell = wf_cli_args_get(&cli->args, "SHELL");
    if (strcmp(shell, "bash") == 0)
        put_bash(cli->out);
    else if (strcmp(shell, "zsh") == 0)
        put_zsh(cli->out);
    else if (strcmp(shell, "fish") == 0)
        put_fish(cli->out);
    else {
        fprintf(cli->err, "watchfire: no completion for \"%s\": bash, zsh or fish\n", shell);
        return WF_EXIT_USAGE;
    }
    return WF_EXIT_OK;
}
