// SPDX-License-Identifier: Apache-2.0
// Every limit of the system, with its reason. A limit that is hit answers with a clear error, never
// with growth. Text limits count bytes of UTF-8.
#ifndef WF_BASE_LIMITS_H
#define WF_BASE_LIMITS_H

// --- names -------------------------------------------------------------------------------------
// A DNS label's length: cluster, node, region and user names appear in certificates and metrics.
#define WF_NODE_NAME_MAX 63
#define WF_USER_NAME_MAX 63
// "host:port": 255 for the longest DNS name, 6 for ":65535".
#define WF_ADDRESS_MAX 261

// --- texts people write (state/) ---------------------------------------------------------------
// One line on a phone's lock screen, and the subject of a mail.
#define WF_TITLE_MAX 200
// A note, a sitrep's section, a status post: about two printed pages. More belongs behind a link.
#define WF_BODY_MAX   8192
#define WF_NAME_MAX   120 // service, component group, ops group, vendor, owner: fits a table's column
#define WF_URL_MAX    2048 // what browsers and proxies agree to carry
#define WF_TICKET_MAX 120
// A request id is a UUID or a client's own key; PagerDuty's dedup_key has the same length.
#define WF_REQUEST_ID_MAX   255
#define WF_SEARCH_QUERY_MAX 500

// --- counts (state/) ---------------------------------------------------------------------------
// Names in one list of an incident (services, groups, tasks ...): a person cannot oversee more.
#define WF_LIST_MAX           64
#define WF_TASKS_MAX          500 // open and closed tasks of one incident; so with links and vendor tickets
#define WF_LINKS_MAX          500
#define WF_VENDOR_TICKETS_MAX 500
// Groups of operations in one incident, each with a supervisor: four times a span of control of
// seven, and few enough that an incident's row stays under 64 KiB.
#define WF_OPS_GROUPS_MAX 32
#define WF_REASON_MAX                                                                              \
    1000 // why a role is claimed: stands in the incident's row until it is settled
#define WF_OFFER_S_MIN        10
#define WF_OFFER_S_MAX        86400
#define WF_OFFER_S_DEFAULT    600
#define WF_CLAIM_S_MIN        60 // less, and a holder on the phone loses the role
#define WF_CLAIM_S_MAX        3600
#define WF_CLAIM_S_DEFAULT    300
#define WF_SITREP_MIN_MIN     5 // minutes between sitreps
#define WF_SITREP_MIN_MAX     1440
#define WF_SITREP_MIN_DEFAULT 60
// Results of one entry kept until the next: WF_ENTRY_COMMANDS_MAX answers with an incident each.
#define WF_RESULTS_MAX      (256 * 1024 * 1024)
#define WF_EXPIRE_STEP      2000 // remembered request ids dropped by one tick: a millisecond's work
#define WF_SEARCH_STEP      2000 // events taken into the search index in one transaction
#define WF_SEARCH_STEPS_MAX 50   // such steps before one search answers with what there is
// Request ids remembered for exactly-once answers: a day, and at most this many. A client that
// retries after a day has forgotten itself.
#define WF_DEDUP_MS  (24LL * 3600 * 1000)
#define WF_DEDUP_MAX 100000
// The newest ids are remembered whatever the time is: a leader whose clock was set wrong makes a
// day pass in a moment, and a retry of just now must not be carried out again.
#define WF_DEDUP_KEPT                1000
#define WF_PAGE_SIZE_MAX             1000 // rows of one list answer
#define WF_PAGE_SIZE_DEFAULT         100
#define WF_TOKENS_MAX                10000 // access tokens, revoked ones included until they expire
#define WF_TOKEN_SECONDS_MAX         (10LL * 365 * 24 * 3600)
#define WF_TOKEN_SECONDS_DEFAULT     (90LL * 24 * 3600)
#define WF_TOKEN_SCOPES_MAX          8
#define WF_SCOPE_MAX                 31
#define WF_USERS_MAX                 1000   // one list answer holds them all
#define WF_REFUSALS_BATCH_MAX        100    // refusals a node reports in one command
#define WF_AUDIT_TEXT_MAX            1024   // message of an audit entry; longer ones are cut
#define WF_AUDIT_REFUSALS_MAX        100000 // refusals kept; older ones fall out, changes never do
#define WF_AUDIT_REFUSALS_PER_SECOND 10 // recorded one by one per node; past it they are counted

// --- commands and replication ------------------------------------------------------------------
// Messages inside messages: our deepest, an event with a role with an offer with a time, is 5.
#define WF_PROTO_DEPTH_MAX 16
// One packed command: the largest request (a sitrep of four sections) with room to spare.
#define WF_COMMAND_MAX (64 * 1024)
// One raft entry: large enough that 512 waiting notes are one disk write, small enough that a
// heartbeat waits at most a few milliseconds behind it on a slow link.
#define WF_ENTRY_MAX          (256 * 1024)
#define WF_ENTRY_COMMANDS_MAX 2048
// Entries proposed and not yet committed. On a WAN this bounds what is in flight in one round trip.
#define WF_ENTRIES_IN_FLIGHT 16
// Commands waiting for an entry: two seconds of full load. Past it: RESOURCE_EXHAUSTED at once.
#define WF_PROPOSALS_MAX 65536
#define WF_READS_MAX     65536 // reads waiting for an index
#define WF_MEMBERS_MAX   31    // servers of one cluster, standbys and spares included
// Bytes of log kept in memory and on disk behind an image: a follower away for less than this much
// writing catches up from the log alone.
#define WF_LOG_TRAILING_BYTES (16 * 1024 * 1024)
// Bytes of log that make a new image worth it. libraft keeps them in memory until then, and those
// that come while the image is written.
#define WF_IMAGE_EVERY_BYTES (40 * 1024 * 1024)

// --- the disk ----------------------------------------------------------------------------------
// The log thread at one write for so long: the disk hangs. Ten times a bad fsync of a good disk,
// and short enough that a new leader is there within three seconds.
#define WF_DISK_HUNG_MS 1000
// Leadership given away over a disk is not given away for the same reason again before this.
#define WF_DISK_REST_MS 60000
// Free space without which a node does not start: what both write-ahead logs and a small state
// image take before anything is given back.
#define WF_DISK_START_MIN (32 * 1024 * 1024)
// Free space below which a running node counts as short of disk: what it does not start without,
// and as much again for what is still written until leadership is elsewhere or nothing new is taken
// in. Each second it is looked at; in that time full load writes a few megabytes.
#define WF_DISK_LOW (64 * 1024 * 1024)
// And above which it does not any more: what a log that is cut and an image that is made take and
// give back must not carry it to and fro.
#define WF_DISK_LOW_END (96 * 1024 * 1024)
#define WF_DISK_LOOK_MS 1000
// A leader that is short of disk tries again to give leadership away: each try holds proposals back
// for an election time-out at most.
#define WF_DISK_LOW_AGAIN_MS 5000
// A loop that did not turn for so long is stuck: longer than any work it is allowed.
#define WF_LOOP_STUCK_MS 3000

// --- the peer network --------------------------------------------------------------------------
#define WF_PEER_FRAME_MAX (1024 * 1024)     // one frame on a raft/1 link
#define WF_PEER_QUEUE_MAX (8 * 1024 * 1024) // bytes queued to one peer before messages are dropped
#define WF_IMAGE_CHUNK    (64 * 1024)       // one chunk: a heartbeat never waits behind more
#define WF_APPEND_MAX     (512 * 1024) // entries of one append message; more is sent in several
#define WF_DIGEST_EVERY   256          // indexes between the digests that nodes keep and compare
#define WF_IMAGE_MAX      (16LL * 1024 * 1024 * 1024)

// --- the front ---------------------------------------------------------------------------------
#define WF_CONNECTIONS_MAX 20000 // sockets of one node: 39 KB each when idle
// Of one address, unless the configuration says otherwise: a quarter, so that no client takes all,
// and more than an office behind one address needs.
#define WF_CONNECTIONS_PER_ADDRESS 5000
// After an accept that failed, for want of descriptors mostly: long enough for others to have their
// turn, short for who waits.
#define WF_ACCEPT_PAUSE_MS 100
#define WF_HANDSHAKES_MAX  64 // TLS handshakes under way: a storm must not starve the rest
#define WF_HANDSHAKE_MS    10000
// A handshake that waits for its peer this long gives its slot to the next: idle sockets must not
// keep others out.
#define WF_HANDSHAKE_SLOT_MS 1000
#define WF_DIAL_MS           5000 // resolve, connect and shake hands: many round trips of the longest link
// What a connection that we opened has sent and nobody has confirmed for this long ends it. TCP by
// itself tries for a quarter of an hour, ever more rarely: a link cut for 20 s stands still for 20
// s more. Long enough for the retransmissions of a link with heavy loss, and for TCP to find out,
// in four to nine seconds, that a hop swallows large packets.
#define WF_UNCONFIRMED_MS 10000
#define WF_LINGER_MS      1000 // reading on after our last byte, so that a reset does not overtake it
#define WF_TICKET_MS      (3600 * 1000LL) // a session ticket lives this long, its key twice as long
#define WF_TLS_QUEUE_HIGH (256 * 1024)    // queued on one connection before producers are to wait
// Queued on one connection at most: above WF_PEER_QUEUE_MAX and a connection's worth of answers.
#define WF_TLS_QUEUE_MAX (16 * 1024 * 1024)
#define WF_STREAMS_MAX   128           // concurrent HTTP/2 streams of one connection
#define WF_STREAM_WINDOW (256 * 1024)  // request bytes in flight on one HTTP/2 stream
#define WF_CONN_WINDOW   (1024 * 1024) // and on all streams of its connection
// Request and response bytes held for one connection before new streams are refused (to be
// retried).
#define WF_CONN_BUFFERED_MAX  (4 * 1024 * 1024)
#define WF_RESPONSE_QUEUE_MAX (16 * 1024 * 1024) // of one response, not yet given to the connection
#define WF_RESPONSE_QUEUE_LOW (16 * 1024)        // at or below it the handler is asked for more
#define WF_RESET_BURST        500  // RST_STREAM frames a client may send at once (rapid reset) ...
#define WF_RESET_RATE         50   // ... and in a second
#define WF_CONTROL_BURST      1000 // PING, SETTINGS, PRIORITY and empty DATA frames likewise
#define WF_CONTROL_RATE       100
#define WF_PING_MIN_MS        10000 // pings closer than this, with no data between, are strikes
#define WF_PING_STRIKES       3
#define WF_KEEPALIVE_MS       30000 // of silence before a connection with work on it is pinged
#define WF_KEEPALIVE_WAIT_MS  20000 // for the answer
// The same at our clients, which notice a dead server sooner; above WF_PING_MIN_MS, so no strike.
#define WF_CLIENT_PING_MS      15000
#define WF_CLIENT_PING_WAIT_MS 10000
#define WF_IDLE_MS             300000 // an HTTP/2 connection without streams is closed after
#define WF_H1_IDLE_MS          75000  // what browsers expect between two HTTP/1.1 requests
#define WF_REQUEST_HEAD_MS     10000  // from a request's first byte to the end of its header fields
#define WF_REQUEST_BODY_MS     30000  // for a body, plus a millisecond for every byte that came
#define WF_PIPELINE_MAX        (64 * 1024)   // HTTP/1.1 input kept while a response is under way
#define WF_HEADERS_MAX         (16 * 1024)   // one header list, counted as RFC 9113 6.5.2 has it
#define WF_MESSAGE_MAX         (1024 * 1024) // one request message
#define WF_JSON_MAX            (256 * 1024) // a JSON body: parsing one costs 16 to 71 times its size
#define WF_JSON_DEPTH_MAX      32
#define WF_JSON_MEMORY_MAX     (8 * 1024 * 1024)  // jansson's tree of one body while it is read
#define WF_CALL_MEMORY_MAX     (16 * 1024 * 1024) // a decoded request: 1 MiB of empty messages is 50
#define WF_REQUEST_BYTES_MAX   (64 * 1024 * 1024) // requests coming in, of all calls of one front
#define WF_RESPONSE_MAX        (4 * 1024 * 1024)  // gRPC clients take no larger message by default
#define WF_STREAM_QUEUE_MAX    (256 * 1024)       // bytes queued to one slow reader of a stream
#define WF_DEADLINE_MAX_MS     (10 * 60 * 1000LL) // a unary call's deadline is cut to this
#define WF_DEADLINE_DEFAULT_MS 30000LL
#define WF_HEALTH_SERVICES_MAX 64   // names that grpc.health.v1 answers for
#define WF_SUBSCRIBERS_MAX     4096 // watch streams of one node
// Callers unknown to a follower that one front looks up again behind the leader's word, in a
// second: every token made in a second many times over, and a flood of wrong ones costs the cluster
// nothing.
#define WF_SECOND_LOOKS 200
#define WF_DRAIN_MS     10000 // grace for calls under way when a node stops

// --- the node's own record ---------------------------------------------------------------------
#define WF_LOG_FIELDS_MAX 24
#define WF_LOG_LINE_MAX   4096 // one write(2) of at most PIPE_BUF stays whole
#define WF_METRICS_MAX    512

#endif
