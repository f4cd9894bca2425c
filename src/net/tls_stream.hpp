// TLS over a socket. OpenSSL works on memory, so the socket below is read and written as without
// TLS: a burst of records is one receive, and all records of one write leave in one send.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/socket_stream.hpp"
#include "net/tls_context.hpp"

struct ssl_st;

namespace tidegate::net {

class TlsStream final : public Stream {
 public:
  // The server's side. `already_read` is the start of what the client sent. Errors:
  // peer_unavailable, with the reason.
  static Task<Result<std::unique_ptr<Stream>>> accept(EpollLoop& loop,
                                                      std::unique_ptr<SocketStream> socket,
                                                      std::string already_read,
                                                      std::shared_ptr<const TlsContext> context,
                                                      Duration timeout);
  // The client's side of a link: the other end must be `region`. Errors: peer_unavailable, with the
  // reason.
  static Task<Result<std::unique_ptr<Stream>>> connect(EpollLoop& loop,
                                                       std::unique_ptr<SocketStream> socket,
                                                       std::shared_ptr<const TlsContext> context,
                                                       catalog::RegionId region, Duration timeout);
  // The client's side towards another server, whose certificate must be for `name` (a host name or
  // a literal address). Errors: peer_unavailable, with the reason.
  static Task<Result<std::unique_ptr<Stream>>> connect_to(EpollLoop& loop,
                                                          std::unique_ptr<SocketStream> socket,
                                                          std::shared_ptr<const TlsContext> context,
                                                          std::string name, Duration timeout);
  ~TlsStream() override;

  Task<Result<std::size_t>> read(std::span<char> into) override;
  Task<Result<void>> write(std::string_view first, std::string_view second = {}) override;
  void shutdown_write() override;
  bool quiet() override { return socket_->quiet(); }
  void close() override;
  const http::ConnectionInfo& info() const override { return info_; }
  std::string_view alpn() const override { return alpn_; }
  bool trusted_by(const TlsContext& context) const override;

 private:
  enum class Role : std::uint8_t { client, server };
  TlsStream(EpollLoop& loop, std::unique_ptr<SocketStream> socket,
            std::shared_ptr<const TlsContext> context, std::optional<catalog::RegionId> expected,
            Role role);
  static Task<Result<std::unique_ptr<Stream>>> establish(EpollLoop& loop,
                                                         std::unique_ptr<TlsStream> stream,
                                                         std::string already_read,
                                                         Duration timeout);
  // The records on both sides of OpenSSL: what came and it has not read, what it wrote and has not
  // left. A BIO of our own works on them, so that nothing is copied on the way.
  struct Records {
    std::string first;  // what came before this stream was made; `incoming` may be a part of it
    std::string_view incoming;
    std::string outgoing;
  };
  struct RecordsBio;
  Task<Result<void>> handshake();
  // Lends the transport's next bytes to OpenSSL; false at the end of the stream.
  Task<Result<bool>> receive();
  // Sends what OpenSSL has written; one at a time.
  Task<Result<void>> flush();
  void farewell();
  Error refused(std::string_view what) const;
  Result<void> learn();

  std::unique_ptr<SocketStream> socket_;
  std::shared_ptr<const TlsContext> context_;
  ssl_st* ssl_;
  PeerCheck check_;
  http::ConnectionInfo info_;
  std::string alpn_;
  std::unique_ptr<char[]> buffer_;
  Records records_;
  Event flushed_;
  bool flushing_ = false;
  bool established_ = false;
  bool said_farewell_ = false;
};

}  // namespace tidegate::net
