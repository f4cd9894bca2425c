#include "net/tls_stream.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

#include "base/limits.hpp"

namespace tidegate::net {
namespace {

// A label of our own (RFC 5705, section 4): the key that routing tokens of this link are bound to.
constexpr std::string_view exporter_label = "EXPORTER-tidegate-routing-token";
constexpr std::size_t exporter_bytes = 32;
constexpr std::size_t farewell_bytes_max = 256;  // an alert, and what else is that short

// What `bytes` of plain text become, at most (RFC 8446, section 5.2).
constexpr std::size_t record_room(std::size_t bytes) {
  constexpr std::size_t text_max = 16384, around = 5 + 1 + 16;  // header, content type, tag
  return bytes + (bytes / text_max + 2) * around;
}

// OpenSSL asks for an empty queue before each call, and emptying it walks through all its places.
void forget_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

std::string last_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return reason ? reason : "the connection ended";
}

}  // namespace

struct TlsStream::RecordsBio {
  static BIO* make(Records& records) {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "records");
      BIO_meth_set_read(made, read);
      BIO_meth_set_write(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    BIO* bio = BIO_new(method);
    BIO_set_data(bio, &records);
    BIO_set_init(bio, 1);
    return bio;
  }
  static int read(BIO* bio, char* into, int size) {
    std::string_view& incoming = static_cast<Records*>(BIO_get_data(bio))->incoming;
    BIO_clear_retry_flags(bio);
    if (incoming.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t taken = std::min(incoming.size(), static_cast<std::size_t>(size));
    std::memcpy(into, incoming.data(), taken);
    incoming.remove_prefix(taken);
    return static_cast<int>(taken);
  }
  static int write(BIO* bio, const char* from, int size) {
    static_cast<Records*>(BIO_get_data(bio))->outgoing.append(from, static_cast<std::size_t>(size));
    return size;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }
};

TlsStream::TlsStream(EpollLoop& loop, std::unique_ptr<SocketStream> socket,
                     std::shared_ptr<const TlsContext> context,
                     std::optional<catalog::RegionId> expected, Role role)
    : socket_(std::move(socket)),
      context_(std::move(context)),
      ssl_(SSL_new(context_->native())),
      check_{std::move(expected), {}},
      info_(socket_->info()),
      buffer_(std::make_unique_for_overwrite<char[]>(limits::read_buffer_bytes)),
      flushed_(loop) {
  BIO* const records = RecordsBio::make(records_);
  SSL_set_bio(ssl_, records, records);
  SSL_set_app_data(ssl_, &check_);
  if (role == Role::server) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
  }
}

TlsStream::~TlsStream() {
  close();
  SSL_free(ssl_);
}

Task<Result<std::unique_ptr<Stream>>> TlsStream::accept(EpollLoop& loop,
                                                        std::unique_ptr<SocketStream> socket,
                                                        std::string already_read,
                                                        std::shared_ptr<const TlsContext> context,
                                                        Duration timeout) {
  std::unique_ptr<TlsStream> stream(
      new TlsStream(loop, std::move(socket), std::move(context), std::nullopt, Role::server));
  co_return co_await establish(loop, std::move(stream), std::move(already_read), timeout);
}

Task<Result<std::unique_ptr<Stream>>> TlsStream::connect(EpollLoop& loop,
                                                         std::unique_ptr<SocketStream> socket,
                                                         std::shared_ptr<const TlsContext> context,
                                                         catalog::RegionId region,
                                                         Duration timeout) {
  std::unique_ptr<TlsStream> stream(
      new TlsStream(loop, std::move(socket), std::move(context), std::move(region), Role::client));
  co_return co_await establish(loop, std::move(stream), {}, timeout);
}

Task<Result<std::unique_ptr<Stream>>> TlsStream::connect_to(
    EpollLoop& loop, std::unique_ptr<SocketStream> socket,
    std::shared_ptr<const TlsContext> context, std::string name, Duration timeout) {
  std::unique_ptr<TlsStream> stream(
      new TlsStream(loop, std::move(socket), std::move(context), std::nullopt, Role::client));
  const bool literal = Address::tcp(name, 0).has_value();
  if (literal) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(stream->ssl_), name.c_str());
  } else {
    SSL_set_tlsext_host_name(stream->ssl_, name.c_str());
    SSL_set1_host(stream->ssl_, name.c_str());
  }
  co_return co_await establish(loop, std::move(stream), {}, timeout);
}

Task<Result<std::unique_ptr<Stream>>> TlsStream::establish(EpollLoop& loop,
                                                           std::unique_ptr<TlsStream> stream,
                                                           std::string already_read,
                                                           Duration timeout) {
  bool timed_out = false;
  const TimerId timer =
      loop.call_at(loop.now() + timeout, [&timed_out, socket = stream->socket_.get()] {
        timed_out = true;
        socket->close();
      });
  stream->records_.first = std::move(already_read);
  stream->records_.incoming = stream->records_.first;
  auto result = co_await stream->handshake();
  loop.cancel(timer);
  if (timed_out) co_return fail(stream->refused("the TLS handshake took too long"));
  if (!result) co_return fail(std::move(result).error());
  co_return std::move(stream);
}

Error TlsStream::refused(std::string_view what) const {
  // An identity that does not hold is told apart from a handshake that broke.
  return Error{
      .code = check_.refused.empty() ? ErrorCode::peer_unavailable : ErrorCode::fence_refused,
      .origin = Origin::peer,
      .retry = Retry::same_region,
      .message = fmt::format("{}: {}", info_.remote_address, what),
      .mend = {},
      .why = {}};
}

Task<Result<void>> TlsStream::handshake() {
  for (;;) {
    forget_errors();
    const int done = SSL_do_handshake(ssl_);
    const int error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, done);
    std::string reason =
        error == SSL_ERROR_SSL ? last_reason() : "the connection ended in the TLS handshake";
    // Also after a failure: the alert tells the other side why.
    auto sent = co_await flush();
    if (done == 1) break;
    if (error != SSL_ERROR_WANT_READ) {
      co_return fail(refused(check_.refused.empty() ? reason : check_.refused));
    }
    if (!sent) co_return fail(refused(reason));
    const auto received = co_await receive();
    if (!received || !*received) co_return fail(refused(reason));
  }
  co_return learn();
}

Result<void> TlsStream::learn() {
  established_ = true;
  info_.tls_version = SSL_get_version(ssl_);
  info_.tls_cipher = SSL_get_cipher_name(ssl_);
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &protocol, &size);
  alpn_.assign(reinterpret_cast<const char*>(protocol), size);
  if (!context_->demands_peer()) return {};

  if (alpn_ != "h2") return fail(refused("it did not agree on HTTP/2 by ALPN"));
  if (const X509* certificate = SSL_get0_peer_certificate(ssl_)) {
    info_.peer_uri = uri_san(certificate).value_or("");
  }
  std::array<unsigned char, exporter_bytes> secret;
  if (info_.peer_uri.empty() ||
      SSL_export_keying_material(ssl_, secret.data(), secret.size(), exporter_label.data(),
                                 exporter_label.size(), nullptr, 0, 0) != 1) {
    check_.refused = "the TLS session has no identity or no exported key";
    return fail(refused(check_.refused));
  }
  info_.link_key.emplace(
      std::string_view(reinterpret_cast<const char*>(secret.data()), secret.size()));
  OPENSSL_cleanse(secret.data(), secret.size());
  return {};
}

bool TlsStream::trusted_by(const TlsContext& context) const {
  return context.refusal_of(check_, ssl_).empty();
}

Task<Result<bool>> TlsStream::receive() {
  if (!records_.incoming.empty()) co_return true;
  auto got = co_await socket_->read({buffer_.get(), limits::read_buffer_bytes});
  if (!got) co_return fail(std::move(got).error());
  if (!records_.first.empty()) std::string().swap(records_.first);  // and gives its memory back
  records_.incoming = {buffer_.get(), *got};
  co_return *got > 0;
}

Task<Result<void>> TlsStream::flush() {
  // The reader may have something to say (a key update) while the writer sends: whoever sends takes
  // it along.
  if (flushing_) co_return Result<void>{};
  flushing_ = true;
  Result<void> result;
  while (result && !records_.outgoing.empty()) {
    const std::string leaving = std::exchange(records_.outgoing, {});
    result = co_await socket_->write(leaving);
  }
  flushing_ = false;
  flushed_.set();
  co_return result;
}

Task<Result<std::size_t>> TlsStream::read(std::span<char> into) {
  for (;;) {
    forget_errors();
    const int got = SSL_read(ssl_, into.data(), static_cast<int>(into.size()));
    if (got > 0) co_return static_cast<std::size_t>(got);
    const int error = SSL_get_error(ssl_, got);
    if (error == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
    if (error != SSL_ERROR_WANT_READ) co_return fail(broken(last_reason()));
    if (auto sent = co_await flush(); !sent) co_return fail(std::move(sent).error());
    auto received = co_await receive();
    if (!received) co_return fail(std::move(received).error());
    // Without TLS's own farewell somebody else may have cut the stream.
    if (!*received) co_return fail(broken("the stream was cut"));
  }
}

Task<Result<void>> TlsStream::write(std::string_view first, std::string_view second) {
  // The reader's few bytes first, so that this write's result is its own.
  flushed_.reset();
  while (flushing_) co_await flushed_.wait();
  records_.outgoing.reserve(records_.outgoing.size() + record_room(first.size() + second.size()));
  for (const std::string_view part : {first, second}) {
    if (part.empty()) continue;
    forget_errors();
    if (SSL_write(ssl_, part.data(), static_cast<int>(part.size())) <= 0)
      co_return fail(broken(last_reason()));
  }
  co_return co_await flush();
}

void TlsStream::farewell() {
  if (!established_ || std::exchange(said_farewell_, true)) return;
  forget_errors();
  SSL_shutdown(ssl_);
  forget_errors();
  // Not in the middle of a write: the alert would land inside another record.
  if (flushing_ || records_.outgoing.size() > farewell_bytes_max) return;
  if (!records_.outgoing.empty()) socket_->send_now(std::exchange(records_.outgoing, {}));
}

void TlsStream::shutdown_write() {
  farewell();
  socket_->shutdown_write();
}

void TlsStream::close() {
  farewell();
  socket_->close();
}

}  // namespace tidegate::net
