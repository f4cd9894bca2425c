// The secrets of TLS sessions, for whoever reads a packet capture: only in the sabotage build, and
// there only where SSLKEYLOGFILE names a file. In every other build nothing of it exists.
#pragma once

struct ssl_ctx_st;

namespace tidegate::net {

#ifdef TIDEGATE_SABOTAGE
void log_keys(ssl_ctx_st* context);
#else
inline void log_keys(ssl_ctx_st*) {}
#endif

}  // namespace tidegate::net
