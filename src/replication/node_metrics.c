// SPDX-License-Identifier: Apache-2.0
// What a node tells /metrics. Gauges are set from the tick: the scraping thread must not look in
// here.
#include "replication/node_internal.h"

static void counters(struct node_metrics *x, struct wf_metrics *m)
{
    x->committed = wf_counter(m, "watchfire_raft_commands_committed", "",
                              "Commands proposed here that were committed and applied.");
    x->failed = wf_counter(m, "watchfire_raft_commands_failed", "",
                           "Commands and reads that lost their leader or found none.");
    x->reads = wf_counter(m, "watchfire_raft_reads", "", "Linearizable reads answered.");
    x->limit = wf_counter(m, "watchfire_raft_queue_full", "",
                          "Commands and reads refused because a queue was full.");
    x->disk_low = wf_counter(m, "watchfire_raft_disk_low", "",
                             "Commands refused because too few voters had room on their disks.");
    x->images = wf_counter(m, "watchfire_raft_images", "", "State images made.");
    x->changes = wf_counter(m, "watchfire_raft_membership_changes", "",
                            "Membership changes that this node carried out as leader.");
    x->commit_seconds =
        wf_histogram(m, "watchfire_raft_commit_seconds", "",
                     "Time from proposing an entry to applying it, on the leader.", 0.0001, 10);
}

static void gauges(struct node_metrics *x, struct wf_metrics *m)
{
    x->term = wf_gauge(m, "watchfire_raft_term", "", "Current raft term.");
    x->commit = wf_gauge(m, "watchfire_raft_commit_index", "", "Commit index.");
    x->applied = wf_gauge(m, "watchfire_raft_applied_index", "", "Last applied index.");
    x->last = wf_gauge(m, "watchfire_raft_last_index", "", "Last index in the log.");
    x->leader = wf_gauge(m, "watchfire_raft_is_leader", "", "1 on the leader.");
    x->waiting = wf_gauge(m, "watchfire_raft_commands_waiting", "",
                          "Commands that wait for an entry or for the leader's answer.");
    x->in_flight = wf_gauge(m, "watchfire_raft_entries_in_flight", "",
                            "Entries proposed and not yet committed.");
    x->reading = wf_gauge(m, "watchfire_raft_reads_waiting", "", "Reads that wait for an index.");
    x->fenced = wf_gauge(m, "watchfire_raft_fenced", "",
                         "1 while this node serves nothing because its state differs.");
}

void metrics_init(struct wf_node *n)
{
    if (n->opts.metrics == NULL)
        return; // counting on NULL does nothing
    counters(&n->metrics, n->opts.metrics);
    gauges(&n->metrics, n->opts.metrics);
}

void metrics_tick(struct wf_node *n)
{
    struct node_metrics *x = &n->metrics;
    struct raft *r = node_raft(n);

    if (n->opts.metrics == NULL)
        return;
    wf_metric_set(x->term, (double)wf_raft_term(r));
    wf_metric_set(x->commit, (double)wf_raft_commit(r));
    wf_metric_set(x->applied, (double)apply_index(n));
    wf_metric_set(x->last, (double)wf_raft_last(r));
    wf_metric_set(x->leader, node_leads(n));
    wf_metric_set(x->waiting, n->waiting.n + n->n_forwarded);
    wf_metric_set(x->in_flight, n->n_entries);
    wf_metric_set(x->reading, n->reads_new.n + n->reads_asked.n + n->reads_known.n);
    wf_metric_set(x->fenced, n->fenced);
}
