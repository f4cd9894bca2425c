// The owners of OpenSSL's objects that certificates are made of, and its last error as a sentence.
#pragma once

#include <openssl/err.h>

#include <string>

#include "base/openssl.hpp"

namespace tidegate::cli {

using PrivateKey = openssl::Key;
using openssl::Bio, openssl::Certificate, openssl::GeneralNames;
using BigNumber = openssl::Owned<BIGNUM, BN_free>;
using Extension = openssl::Owned<X509_EXTENSION, X509_EXTENSION_free>;
using NameConstraints = openssl::Owned<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free>;

inline std::string last_openssl_error() {
  char text[256] = "no reason given";
  if (const auto code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

}  // namespace tidegate::cli
