// SPDX-License-Identifier: Apache-2.0
// A growable run of bytes with a ceiling. The owner embeds it; one thread at a time.
//
// Appending past the ceiling, or out of memory, marks the buffer failed and changes nothing more,
// so that a writer can append many times and check once at the end.
#ifndef WF_BASE_BUF_H
#define WF_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wf_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    size_t max;  // never grows past this many bytes
    bool failed; // an append did not fit
};

// An empty buffer that may hold at most max bytes. Nothing is allocated.
void wf_buf_init(struct wf_buf *b, size_t max);

// Release the memory; the buffer is empty and usable again.
void wf_buf_free(struct wf_buf *b);

// Empty it but keep the memory.
void wf_buf_reset(struct wf_buf *b);

// Append n bytes. Returns WF_OK or WF_RESOURCE_EXHAUSTED (also when the buffer had failed before).
int wf_buf_append(struct wf_buf *b, const void *data, size_t n);
int wf_buf_puts(struct wf_buf *b, const char *s);
int wf_buf_putc(struct wf_buf *b, char c);
int wf_buf_printf(struct wf_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// An amount of bytes for a person: "999 B", "12.3 MB".
int wf_buf_put_size(struct wf_buf *b, uint64_t n);

// Little-endian integers, the byte order of our wire and disk formats.
int wf_buf_put_u8(struct wf_buf *b, uint8_t v);
int wf_buf_put_u16(struct wf_buf *b, uint16_t v);
int wf_buf_put_u32(struct wf_buf *b, uint32_t v);
int wf_buf_put_u64(struct wf_buf *b, uint64_t v);

// Make room for n more bytes and return where they go, or NULL; wf_buf_commit() then takes them in.
uint8_t *wf_buf_reserve(struct wf_buf *b, size_t n);
void wf_buf_commit(struct wf_buf *b, size_t n);

// Drop the first n bytes. Requires n <= len.
void wf_buf_consume(struct wf_buf *b, size_t n);

// The bytes as a NUL-terminated string (the NUL is not counted in len), or NULL when it failed.
const char *wf_buf_cstr(struct wf_buf *b);

// Hand the memory to the caller, who frees it with free(); the buffer is empty afterwards.
uint8_t *wf_buf_take(struct wf_buf *b, size_t *len);

// A reader over bytes that somebody else owns. Reading past the end marks it failed and yields
// zeros, so that a decoder can read many fields and check once.
struct wf_reader {
    const uint8_t *p;
    size_t left;
    bool failed;
};

struct wf_reader wf_reader_of(const void *data, size_t len);
uint8_t wf_get_u8(struct wf_reader *r);
uint16_t wf_get_u16(struct wf_reader *r);
uint32_t wf_get_u32(struct wf_reader *r);
uint64_t wf_get_u64(struct wf_reader *r);
// n bytes in place, or NULL (and failed) if there are fewer.
const uint8_t *wf_get_bytes(struct wf_reader *r, size_t n);

#endif
