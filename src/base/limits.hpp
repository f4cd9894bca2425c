// Every bound has a name, a unit and a reason, here. Nothing in tidegate grows without one of them.
#pragma once

#include <chrono>
#include <cstddef>

namespace tidegate::limits {

using namespace std::chrono_literals;

// HTTP, from clients
inline constexpr std::size_t body_bytes_max = 25'000'000;         // AWS's limit for InvokeModel bodies
inline constexpr std::size_t body_budget_bytes = 400'000'000;     // all request bodies of the process together
inline constexpr std::size_t header_bytes_max = 32 * 1024;        // request line and headers; HTTP/2: decoded list
inline constexpr std::size_t header_count_max = 100;
inline constexpr std::size_t target_bytes_max = 8 * 1024;         // an ARN of 2,048 characters, percent-encoded
inline constexpr std::size_t read_buffer_bytes = 16 * 1024;
inline constexpr std::size_t write_high_bytes = 64 * 1024;        // a writer above it waits ...
inline constexpr std::size_t write_low_bytes = 32 * 1024;         // ... until the buffer is below this
inline constexpr std::size_t connections_max = 10'000;            // a worker
inline constexpr std::size_t h2_streams_max = 256;                // concurrent, a connection
inline constexpr auto header_timeout = 10s;                       // first byte of a request to the end of its headers
inline constexpr auto body_idle_timeout = 20s;                    // between two pieces of a body
inline constexpr auto write_idle_timeout = 60s;                   // a client that never reads
inline constexpr auto keep_alive_timeout = 120s;                  // an idle connection
inline constexpr auto tls_handshake_timeout = 10s;

// JSON
inline constexpr std::size_t json_depth_max = 64;

// catalogue
inline constexpr long profile_version_max = 1'000'000'000;       // fits the token's 32 bits with room

// a request's life
inline constexpr std::size_t requests_in_flight_max = 4'096;      // a gateway process
inline constexpr auto capacity_wait = 10s;                        // default; region.capacity_wait_ms
inline constexpr std::size_t capacity_waiters_max = 1'024;        // a worker
inline constexpr int attempts_max = 4;
inline constexpr auto clock_skew = 300s;                          // SigV4: five minutes either way
inline constexpr auto drain_timeout = 30s;                        // SIGTERM to exit, at most

// model servers
inline constexpr auto backend_connect_timeout = 2s;
inline constexpr auto backend_first_byte_timeout = 60s;
inline constexpr auto backend_idle_timeout = 30s;                 // between two chunks of an answer
inline constexpr std::size_t backend_answer_bytes_max = 64'000'000;
inline constexpr std::size_t sse_event_bytes_max = 4'000'000;
inline constexpr std::size_t idle_connections_max = 64;           // a pool

// AWS's formats
inline constexpr std::size_t event_payload_bytes_max = 24 * 1024 * 1024;  // one event-stream message
inline constexpr std::size_t event_headers_bytes_max = 128 * 1024;
inline constexpr std::size_t derived_keys_max = 4'096;            // SigV4 signing keys that a worker remembers

// peers
inline constexpr auto report_interval = 100ms;
inline constexpr auto report_fresh = 300ms;                       // older: no new spill on its word
inline constexpr auto report_silent = 1s;                         // older: the Region is silent
inline constexpr auto token_lifetime = 60s;
inline constexpr std::size_t token_bytes_max = 4'096;
inline constexpr std::size_t replay_entries = 1 << 17;            // tokens a minute that the replay table can hold
inline constexpr std::size_t trailer_bytes_max = 16 * 1024;
inline constexpr auto link_reconnect_min = 200ms;
inline constexpr auto link_reconnect_max = 5s;

// audit
inline constexpr std::size_t segment_bytes_max = 64 * 1024 * 1024;
inline constexpr auto sync_interval = 5ms;
inline constexpr int retention_days_default = 400;
inline constexpr std::size_t user_agent_bytes_max = 1'024;        // of it, in a record

// configuration and documents
inline constexpr std::size_t configuration_bytes_max = 4 * 1024 * 1024;      // one file
inline constexpr std::size_t configuration_reference_bytes_max = 64 * 1024;  // what one ${file:...} refers to
inline constexpr std::size_t configuration_problems_max = 50;                // shown at once
inline constexpr std::size_t unix_socket_path_bytes_max = 107;               // sun_path, without its NUL

}  // namespace tidegate::limits
