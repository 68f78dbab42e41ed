// SPDX-License-Identifier: Apache-2.0
// The messages between nodes and their bytes: raft's RPCs, and our own for read index, forwarding,
// status and state images. Pure: bytes in, a message out, and back.
//
// All integers are little-endian. An encoded message is: u8 kind, then the fields of its struct in
// the order written here; bool as u8 (0 or 1), bytes and strings as u32 length and the bytes,
// arrays as u32 count and the elements. Decoding refuses unknown kinds, bytes left over, counts and
// lengths that the input cannot hold or that exceed the limits below, and enum values that do not
// exist; it allocates only in proportion to the input.
//
// The format's version is in HELLO alone: a link speaks one version from there on.
#ifndef WF_REPLICATION_WIRE_H
#define WF_REPLICATION_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/result.h"
#include "replication/fsm.h"
#include "replication/log_store.h"

enum { WF_WIRE_VERSION = 1 };

enum wf_msg_kind {
    WF_MSG_HELLO = 1, // peer_net's own: the first message of a link, each way
    // raft
    WF_MSG_VOTE = 10,
    WF_MSG_VOTE_RESULT,
    WF_MSG_APPEND,
    WF_MSG_APPEND_RESULT,
    WF_MSG_INSTALL,
    WF_MSG_TIMEOUT_NOW,
    // read index: the leader asks the voters whether their term is still its own
    WF_MSG_CONFIRM = 20,
    WF_MSG_CONFIRM_OK,
    // a follower asks the leader for a read index
    WF_MSG_READ_INDEX,
    WF_MSG_READ_INDEX_RESULT,
    // a follower hands a proposal on
    WF_MSG_FORWARD = 30,
    WF_MSG_FORWARD_RESULT,
    // everybody to everybody, twice a second or so
    WF_MSG_STATUS = 40,
    // leader to a server that is no longer a member
    WF_MSG_REMOVED,
    // state images
    WF_MSG_IMAGE_OFFER = 50, // leader: here is an image; what do you have of it?
    WF_MSG_IMAGE_ACK,        // follower: I have the first offset bytes
    WF_MSG_IMAGE_CHUNK,      // leader: bytes at offset
    WF_MSG_IMAGE_REQUEST,    // a fenced node to the leader: re-seed me
};

struct wf_msg_hello {
    uint32_t version;
    uint8_t cluster_id[WF_UUID_SIZE];
    uint64_t incarnation; // of the cluster
    uint64_t node_id;
    uint64_t to_id; // whom the sender believes to have reached
    uint8_t disk_id[WF_UUID_SIZE];
    char name[WF_NODE_NAME_MAX + 1];  // string on the wire
    char address[WF_ADDRESS_MAX + 1]; // where the sender can be dialled; a string on the wire
};

struct wf_msg_vote {
    uint64_t term, candidate, last_index, last_term;
    bool disrupt_leader, pre_vote;
};

struct wf_msg_vote_result {
    uint64_t term;
    bool granted;
    uint8_t pre_vote; // 0 unknown, 1 yes, 2 no: libraft's raft_tribool
};

struct wf_msg_append {
    uint64_t term, prev_index, prev_term, commit;
    struct wf_record *entries; // each: u64 term, u8 type, bytes data
    uint32_t n;
};

struct wf_msg_append_result {
    uint64_t term, rejected, last_index;
};

struct wf_msg_install {
    uint64_t term;
    struct wf_manifest manifest; // u64 index, term, configuration_index, bytes configuration, data
};

struct wf_msg_timeout_now {
    uint64_t term, last_index, last_term;
};

struct wf_msg_confirm { // CONFIRM and CONFIRM_OK
    uint64_t term;      // the sender's current term
    uint64_t seq;       // the round; echoed
};

struct wf_msg_read_index {
    uint64_t seq;
};

// Outcome of something asked of the leader. code is 0 (enum wf_code) when it succeeded.
struct wf_msg_result { // READ_INDEX_RESULT and FORWARD_RESULT
    uint64_t seq;      // as asked
    uint64_t index;
    uint8_t code;
    char reason[40];        // string
    struct wf_bytes detail; // the error's text, or FORWARD_RESULT's result
};

struct wf_msg_forward {
    uint64_t origin; // the sender's process, by when it started
    uint64_t seq;    // the sender's number for it, never used twice while its process lives
    struct wf_bytes command;
};

struct wf_msg_status {
    uint64_t term, commit, leader;
    uint64_t applied;
    uint8_t digest[WF_HASH_SIZE]; // at applied
    uint64_t mark;                // the last multiple of WF_DIGEST_EVERY applied; 0: none
    uint8_t mark_digest[WF_HASH_SIZE];
    bool fenced;
    uint32_t knows; // struct wf_fsm's, of the sender
    // The sender is short of disk (WF_DISK_LOW). On the wire it is the highest bit of leader, which
    // is in no member's id: programs that do not know it send it as 0, and do nothing with a
    // status' leader, so that it needs no version of its own.
    bool disk_low;
};

struct wf_msg_removed {
    uint64_t configuration_index; // of the committed configuration that no longer has the receiver
};

struct wf_msg_image {          // OFFER, ACK, CHUNK and REQUEST
    struct wf_image_info info; // which image: u64 index, size, hash, digest. REQUEST: index alone
                               // is set, to the lowest image index that is of use
    uint64_t offset;           // OFFER, REQUEST: 0. ACK: bytes held and good
    struct wf_bytes data;      // CHUNK: at most WF_IMAGE_CHUNK bytes; else empty
    uint8_t sum[WF_HASH_SIZE]; // CHUNK: SHA-256 of data; else zero
    bool complete;             // ACK: whole, verified and durable
};

// Bytes point into what was decoded, or are the sender's; a message owns its arrays alone.
struct wf_msg {
    enum wf_msg_kind kind;
    union {
        struct wf_msg_hello hello;
        struct wf_msg_vote vote;
        struct wf_msg_vote_result vote_result;
        struct wf_msg_append append;
        struct wf_msg_append_result append_result;
        struct wf_msg_install install;
        struct wf_msg_timeout_now timeout_now;
        struct wf_msg_confirm confirm;
        struct wf_msg_read_index read_index;
        struct wf_msg_result result;
        struct wf_msg_forward forward;
        struct wf_msg_status status;
        struct wf_msg_removed removed;
        struct wf_msg_image image;
    };
};

// The order in which a link serves its messages. Within a lane the order of sending is kept: an
// empty append must not overtake one with entries, or the follower refuses it.
enum wf_lane {
    WF_LANE_URGENT, // votes, confirmations, read indexes, status, timeout now, removed
    WF_LANE_NORMAL, // appends with and without entries and their results, install, forwards
    WF_LANE_BULK,   // image chunks
    WF_LANES,
};
enum wf_lane wf_msg_lane(enum wf_msg_kind kind);

// Append the message's bytes to out. Returns WF_OK or WF_RESOURCE_EXHAUSTED.
int wf_msg_encode(const struct wf_msg *msg, struct wf_buf *out);

// Decode exactly the bytes given. The message points into them; wf_msg_free() releases its arrays.
// On failure (WF_INVALID_ARGUMENT, WF_RESOURCE_EXHAUSTED) there is nothing to free.
int wf_msg_decode(struct wf_msg *out, struct wf_bytes in, struct wf_err *err);

// Release what wf_msg_decode allocated. The bytes it points to are not its.
void wf_msg_free(struct wf_msg *msg);

const char *wf_msg_name(enum wf_msg_kind kind); // "append"

#endif
