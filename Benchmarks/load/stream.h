/*
 * What travels on a connection: bytes that follow from the connection and the position, so that a
 * byte lost, doubled, changed, out of order or from another connection is noticed, and checking is
 * one memcmp.
 *
 * Every stream is the same endless repetition of one random pattern, entered at a place of its own.
 * The pattern's period is prime (in lines, for lines), so that messages of no size keep falling on
 * the same bytes.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stddef.h>
#include <stdint.h>

/* How many bytes in a row can be had from any position. */
enum { STREAM_WINDOW = 64 * 1024 };

/* Must come first. With a line length the stream is printable, and every line of it ends in LF. */
void stream_prepare(size_t line_length);

/* Where in the pattern the numbered stream starts; no two of the first 4,000 are the same. */
uint32_t stream_start(uint64_t number);

/* The bytes of a stream from a position on. */
const char *stream_at(uint32_t start, uint64_t position);

#endif
