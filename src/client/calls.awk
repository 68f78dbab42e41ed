# SPDX-License-Identifier: Apache-2.0
# watchfire/calls.h out of the .proto files: one typed function per unary method.

function snake(name) {
  gsub(/[A-Z]/, "_&", name)
  sub(/^_/, "", name)
  return tolower(name)
}

BEGIN {
  print "// SPDX-License-Identifier: Apache-2.0"
  print "// Every unary method as a function. See wf_client_call() in <watchfire.h>; *response is freed with"
  print "// the message's own free function. Generated from the .proto files."
  print "#ifndef WATCHFIRE_CALLS_H"
  print "#define WATCHFIRE_CALLS_H"
  print ""
  print "#include \"watchfire.h\""
  print "#include \"watchfire/v1/access.pb-c.h\""
  print "#include \"watchfire/v1/cluster.pb-c.h\""
  print "#include \"watchfire/v1/incident.pb-c.h\""
  print "#include \"watchfire/v1/log.pb-c.h\""
}

$1 == "service" {
  service = $2
}

$1 == "rpc" && !/stream/ {
  # rpc AddNote(AddNoteRequest) returns (AddNoteResponse);
  split($0, part, /[() ]+/)
  name = part[3]; request = part[4]; response = part[6]
  if (name == "" || request == "" || response == "") {
    print FILENAME ":" FNR ": not understood: " $0 > "/dev/stderr"
    exit 1
  }
  printf "\nstatic inline int\n"
  printf "wf_%s(struct wf_client *client, const Watchfire__V1__%s *request,\n", snake(name), request
  printf "    Watchfire__V1__%s **response, struct wf_client_error *err)\n{\n", response
  printf "    ProtobufCMessage *answer = NULL;\n"
  printf "    int code = wf_client_call(client, \"/watchfire.v1.%s/%s\", &request->base,\n", service, name
  printf "                              &answer, NULL, err);\n"
  printf "    *response = (Watchfire__V1__%s *)answer;\n", response
  printf "    return code;\n}\n"
}

END {
  print "\n#endif"
}
