#include "net/tls_key_log.hpp"

#ifdef TIDEGATE_SABOTAGE

#include <fcntl.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace tidegate::net {
namespace {

// One write a line: several processes share the file. Format: the NSS key log's.
void write_line(const SSL*, const char* line) {
  static const int file =
      ::open(std::getenv("SSLKEYLOGFILE"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const std::string text = std::string(line) + '\n';
  if (::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
}

}  // namespace

void log_keys(ssl_ctx_st* context) {
  if (std::getenv("SSLKEYLOGFILE")) SSL_CTX_set_keylog_callback(context, write_line);
}

}  // namespace tidegate::net

#endif
