// What a listener does with a connection once it knows the protocol: serve requests until it ends.
// Each function owns the stream, hands every request to the handler, and returns after the last
// exchange has ended.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/limits.hpp"
#include "http/exchange.hpp"
#include "http/h2_session.hpp"
#include "net/stream.hpp"

namespace tidegate::net {

// The answer to bytes that never became a request: malformed, too large, or too slow.
struct MalformedAnswer {
  http::ResponseHead head;  // without date, content-length and connection
  std::string body;
};

// Shared by the connections of a listener, and outlives them. The time-outs are fields so that
// tests can shorten them.
struct ConnectionOptions {
  // Requested when the worker stops taking requests: exchanges finish (HTTP/2: after GOAWAY), idle
  // connections close.
  Cancellation* drain = nullptr;
  // Gives the answer its shape on the wire, by the target as far as it is known: net/ knows no
  // protocol above HTTP. Empty: a bare status of the error's kind.
  std::function<MalformedAnswer(const Error&, std::string_view target)> malformed;
  // The peer port: larger windows and tables, and a dead link is noticed by its silence.
  http::H2Profile h2_profile = http::H2Profile::client_facing;
  Duration header_timeout = limits::header_timeout;
  Duration body_idle_timeout = limits::body_idle_timeout;
  Duration write_idle_timeout = limits::write_idle_timeout;
  Duration keep_alive_timeout = limits::keep_alive_timeout;
};

// `already_read` are the first bytes of the connection, read while the protocol was found out; may
// be empty.
Task<void> serve_h1(std::unique_ptr<Stream> stream, std::string already_read,
                    http::Handler& handler, Loop& loop, const ConnectionOptions& options);
// In h2_connection.cpp.
Task<void> serve_h2(std::unique_ptr<Stream> stream, std::string already_read,
                    http::Handler& handler, Loop& loop, const ConnectionOptions& options);

// How long to wait for a body in all, of which so many bytes have come.
Duration body_patience(Duration idle_max, std::uint64_t received);

// The status and body that `options.malformed` gives to `error`, or a bare one.
MalformedAnswer malformed_answer(const ConnectionOptions& options, const Error& error,
                                 std::string_view target);

// The value of a date header (RFC 9110, section 5.6.7), formatted once a second and thread. Valid
// until the next call.
std::string_view http_date(WallTime now);

}  // namespace tidegate::net
