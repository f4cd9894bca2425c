// Every bound has a name, a unit and a reason, here. Nothing in tidegate grows without one of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tidegate::limits {

using namespace std::chrono_literals;

// HTTP, from clients
inline constexpr std::size_t body_bytes_max = 25'000'000;  // AWS's limit for InvokeModel bodies
inline constexpr std::size_t body_budget_bytes =
    400'000'000;  // all request bodies of the process together
inline constexpr std::size_t header_bytes_max =
    32 * 1024;  // request line and headers; HTTP/2: decoded list
inline constexpr std::size_t header_count_max = 100;
inline constexpr std::size_t target_bytes_max =
    8 * 1024;  // an ARN of 2,048 characters, percent-encoded
inline constexpr std::size_t read_buffer_bytes = 16 * 1024;
inline constexpr std::size_t read_ahead_bytes =
    64 * 1024;  // read before anybody wants them, a connection
inline constexpr std::size_t write_slice_bytes = 256 * 1024;  // has write_idle_timeout to leave
inline constexpr std::size_t write_high_bytes = 64 * 1024;    // a writer above it waits ...
inline constexpr std::size_t write_low_bytes = 32 * 1024;     // ... until the buffer is below this
inline constexpr std::size_t connections_max = 10'000;        // a worker
inline constexpr std::size_t h2_streams_max = 256;            // concurrent, a connection
inline constexpr std::size_t h2_read_buffer_start =
    4 * 1024;  // until a read fills it: then read_buffer_bytes
inline constexpr std::size_t h2_stream_window =
    256 * 1024;  // bytes of a body that wait for their handler
inline constexpr std::size_t h2_connection_window = 1024 * 1024;
inline constexpr std::size_t h2_header_table_bytes = 4 * 1024;  // HPACK, either direction
inline constexpr std::uint32_t h2_noise_burst =
    1'000;  // frames that carry nothing (RST_STREAM, PING, ...)
inline constexpr std::uint32_t h2_noise_per_second =
    100;  // ... beyond the burst: GOAWAY(ENHANCE_YOUR_CALM)
inline constexpr std::size_t h2_gaps_max =
    256;  // runs of stream numbers that a client has passed over, remembered
inline constexpr std::size_t h2_waiters_max =
    1'024;                                      // requests waiting for a stream of one channel
inline constexpr auto h2_tick = 1s;             // how often a connection looks at its time-outs
inline constexpr auto header_timeout = 10s;     // first byte of a request to the end of its headers
inline constexpr auto body_idle_timeout = 20s;  // between two pieces of a body
inline constexpr std::size_t body_rate_min =
    500;  // bytes a second of a body, after body_idle_timeout: slower is a client that only holds
          // on
inline constexpr auto write_idle_timeout = 60s;   // a client that never reads
inline constexpr auto keep_alive_timeout = 120s;  // an idle connection
inline constexpr auto tls_handshake_timeout = 10s;
inline constexpr std::size_t chunk_line_bytes_max = 256;  // a chunk's size and its extensions
inline constexpr std::size_t discard_bytes_max =
    64 * 1024;  // of a body that nobody wants, to keep the connection
inline constexpr std::size_t linger_bytes_max =
    1'000'000;                              // read after a refusal, so that the client sees it ...
inline constexpr auto linger_timeout = 2s;  // ... for this long at most
inline constexpr int accept_backlog = 1'024;    // connections that the kernel keeps waiting
inline constexpr auto accept_back_off = 100ms;  // out of descriptors: before the next accept

// the event loop
inline constexpr std::size_t loop_events_max = 128;  // readiness events taken at once
inline constexpr std::size_t loop_resumes_max =
    1'024;  // coroutines resumed between two looks at the sockets
inline constexpr std::uint32_t frames_kept_max =
    64;  // coroutine frames of one size that a thread keeps for the next ones

// JSON
inline constexpr std::size_t json_depth_max = 64;

// catalogue
inline constexpr long profile_version_max = 1'000'000'000;  // fits the token's 32 bits with room

// a request's life
inline constexpr std::size_t requests_in_flight_max = 4'096;  // a gateway process
inline constexpr auto retry_hint = 1000ms;                  // Retry-After of what may succeed soon
inline constexpr auto capacity_wait = 10s;                  // default; region.capacity_wait_ms
inline constexpr std::size_t capacity_waiters_max = 1'024;  // a worker
inline constexpr int attempts_max = 4;                      // that failed
inline constexpr std::size_t attempts_recorded_max = 16;    // hand-backs of full Regions included
inline constexpr auto clock_skew = 300s;                    // SigV4: five minutes either way
inline constexpr auto short_term_key_lifetime_max = 43'200s;       // AWS's: twelve hours
inline constexpr std::size_t short_term_key_bytes_max = 4 * 1024;  // AWS's have some 400
inline constexpr auto drain_timeout = 30s;                         // SIGTERM to exit, at most

inline constexpr std::size_t stranger_rows_max = 512;  // (prefix, reason) pairs a minute
inline constexpr std::size_t permit_cache_max =
    4'096;  // decisions a worker remembers for one snapshot

// model servers
inline constexpr auto probe_interval = 1s;  // between two health checks
inline constexpr auto backend_connect_timeout = 2s;
inline constexpr auto backend_first_byte_timeout = 60s;  // of a stream
inline constexpr auto backend_answer_timeout =
    300s;  // a whole answer is generated before its first byte
inline constexpr auto backend_probe_timeout = 1s;
inline constexpr auto backend_resolve_interval = 30s;                // of servers that have a name
inline constexpr std::size_t backend_probe_bytes_max = 1024 * 1024;  // metrics of many engines
inline constexpr std::size_t backend_error_bytes_max =
    64 * 1024;                                     // of an error's body that is looked at
inline constexpr auto backend_idle_timeout = 30s;  // between two chunks of an answer
inline constexpr std::size_t backend_answer_bytes_max = 64'000'000;
inline constexpr std::size_t sse_event_bytes_max = 4'000'000;
inline constexpr std::size_t idle_connections_max = 64;  // a pool

// AWS's formats
inline constexpr std::size_t event_payload_bytes_max =
    24 * 1024 * 1024;  // one event-stream message
inline constexpr std::size_t event_headers_bytes_max = 128 * 1024;
inline constexpr std::size_t derived_keys_max =
    4'096;  // SigV4 signing keys that a worker remembers

// policies
inline constexpr std::size_t policy_bytes_max =
    64 * 1024;  // one document; AWS's largest are 20 KiB

// peers
inline constexpr auto report_interval = 100ms;
inline constexpr auto report_fresh = 300ms;  // older: no new spill on its word
inline constexpr auto report_silent = 1s;    // older: the Region is silent
inline constexpr auto token_lifetime = 60s;
inline constexpr auto token_clock_skew = 30s;  // between two Regions; the replay table covers it
inline constexpr std::size_t token_bytes_max = 4'096;
inline constexpr std::size_t link_body_bytes_max =
    2 + token_bytes_max + 55 + body_bytes_max;  // peer::request_front(), and the client's body
inline constexpr std::size_t packed_text_bytes_max = 4'096;  // a text in a token, trailer or header
inline constexpr std::size_t packed_texts_max = 256;         // in a list of a token
inline constexpr std::size_t replay_entries =
    1 << 19;  // tokens a minute that the replay table can hold: 8,700 a second
inline constexpr std::size_t replay_probes_max =
    64;  // slots looked at before the table counts as full
inline constexpr std::size_t trailer_bytes_max = 16 * 1024;
inline constexpr std::size_t trailer_message_bytes_max =
    1'024;                                                  // of an error's sentence, in a trailer
inline constexpr std::size_t report_bytes_max = 64 * 1024;  // one line
inline constexpr auto peer_first_byte_timeout = 62s;  // a little more than the back-end's there
inline constexpr auto peer_idle_timeout = 32s;
inline constexpr std::size_t peer_refusal_bytes_max =
    64 * 1024;                                          // the body of an answer that is not 200
inline constexpr std::size_t link_streams_max = 1'024;  // concurrent, a link
inline constexpr std::size_t link_stream_window =
    1024 * 1024;  // a long fat path carries a body in few round trips
inline constexpr std::size_t link_connection_window = 16 * 1024 * 1024;
inline constexpr std::size_t link_header_table_bytes =
    64 * 1024;  // the same few headers, again and again
inline constexpr std::uint32_t link_noise_burst =
    100'000;  // a Region whose clients all leave cancels a lot
inline constexpr std::uint32_t link_noise_per_second = 20'000;
inline constexpr auto link_dial_timeout = 5s;  // TCP and TLS together
inline constexpr auto link_ping_interval = 1s;
inline constexpr auto link_ping_timeout = 5s;  // no PONG: the link is dead, whatever TCP thinks
inline constexpr auto link_tick = 100ms;       // precision of the time-outs of exchanges on a link
inline constexpr auto link_reconnect_min = 200ms;
inline constexpr auto link_reconnect_max = 5s;
inline constexpr auto link_retired_max =
    900s;  // a link that another has replaced, for streams that are still under way on it
inline constexpr std::size_t links_retired_max = 16;  // of those, to one Region, a worker
inline constexpr std::size_t trust_bundle_authorities_max =
    2;  // of a Region: the one in force, and the next one or the last one

// attestations
inline constexpr std::size_t batch_leaves_max =
    1'024;  // under one signature; its line fits report_bytes_max
inline constexpr auto batch_interval = 100ms;         // between two signatures for one Region
inline constexpr auto attestation_overdue = 5s;       // without its signature: an alarm
inline constexpr auto batch_kept = 60s;               // sent again when a link comes up again ...
inline constexpr auto attestations_drain = 300ms;     // a stop waits for the last ones
inline constexpr std::size_t batches_kept_max = 128;  // ... as many of the newest, for one Region
inline constexpr std::size_t batches_known_max =
    8 * batches_kept_max;                    // of one Region, so that none is taken twice
inline constexpr auto batch_age_max = 5min;  // an older one is not taken: nobody sends it again
inline constexpr std::size_t leaves_waiting_max =
    65'536;  // of one Region, to be signed or to come signed; more: an alarm, and none is added
inline constexpr std::size_t endorsements_max =
    1'024;  // of one Region's keys, remembered: a start makes one
inline constexpr std::size_t verify_findings_max = 100;  // told of one log
inline constexpr std::size_t alarm_ids_max = 16;         // requests named in one alarm
inline constexpr std::size_t batch_search_bytes_max =
    32 * 1024 * 1024;  // of the log behind a record, to find the batch of its attestation
inline constexpr std::size_t unattested_scan_bytes_max =
    16 * 1024 * 1024;  // of the log's end, at a start

// audit
inline constexpr std::size_t segment_bytes_max = 64 * 1024 * 1024;
inline constexpr auto sync_interval = 5ms;
inline constexpr std::size_t audit_reserve_syncs = 16;  // a file is made longer for so many
inline constexpr std::size_t audit_reserve_bytes_max = 1024 * 1024;
inline constexpr std::size_t audit_reserve_step_bytes = 16 * 1024;  // of it, written at once
inline constexpr auto storage_linger = 1s;  // without entries before the storage thread rests
inline constexpr auto storage_idle_interval = 1s;  // while it rests: new day, retention, a new try
inline constexpr int retention_days_default = 400;
inline constexpr std::size_t user_agent_bytes_max = 1'024;  // of it, in a record
inline constexpr std::size_t audit_text_bytes_max =
    2'048;  // any other text a caller or a peer had a say in
inline constexpr std::size_t audit_member_bytes_max =
    16 * 1024;  // one structured member of a record; else left out
inline constexpr std::size_t audit_line_bytes_max = 1024 * 1024;  // longer: not a line of ours
inline constexpr std::size_t audit_batch_bytes =
    1024 * 1024;  // what one chain entry covers, at most
inline constexpr std::size_t audit_unsynced_entries_max =
    262'144;  // a disk that hangs: refuse, do not pile up
inline constexpr std::size_t audit_tail_bytes_max =
    8 * 1024 *
    1024;  // written and not chained yet, kept in memory; beyond it the file is read back
inline constexpr std::size_t journal_bytes_max =
    256 * 1024;  // entries of one turn of a worker's loop that leave in one write
inline constexpr std::size_t audit_open_entries_max =
    65'536;                                  // opened entries without a closed one, remembered
inline constexpr auto audit_retry_min = 1s;  // after a failed write: next try of a new segment
inline constexpr auto audit_retry_max = 30s;
inline constexpr std::size_t audit_removals_a_tick = 4;          // segments past their retention
inline constexpr std::size_t lookup_block_bytes = 256 * 1024;    // read at once, backwards
inline constexpr std::size_t opened_block_bytes = 8 * 1024;      // of opened entries, read at once
inline constexpr std::size_t opened_line_bytes_max = 64 * 1024;  // its texts are bounded, escaped
inline constexpr std::size_t lookup_scan_bytes_max = 256 * 1024 * 1024;  // a page of LookupEvents
inline constexpr std::size_t lookup_results_max = 50;                    // AWS's MaxResults

// application inference profiles
inline constexpr std::size_t application_profiles_max = 1'000;  // an account, as in AWS
inline constexpr std::size_t tags_max = 50;                     // a resource, as in AWS

// Regions that operators take out of use
inline constexpr std::size_t restriction_text_bytes_max = 256;  // a reason, or an approver's name
inline constexpr std::chrono::days restriction_expires_max{366};

// configuration and documents
inline constexpr std::size_t configuration_bytes_max = 4 * 1024 * 1024;  // one file
inline constexpr std::size_t configuration_reference_bytes_max =
    64 * 1024;                                                  // what one ${file:...} refers to
inline constexpr std::size_t configuration_problems_max = 50;   // shown at once
inline constexpr std::size_t backend_networks_max = 256;        // of a Region
inline constexpr std::size_t unix_socket_path_bytes_max = 107;  // sun_path, without its NUL

}  // namespace tidegate::limits
