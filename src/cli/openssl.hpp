// Owners for OpenSSL's objects, and its last error as a sentence.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace tidegate::cli {

template <auto release>
struct OpensslDelete {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};

using PrivateKey = std::unique_ptr<EVP_PKEY, OpensslDelete<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, OpensslDelete<X509_free>>;
using Bio = std::unique_ptr<BIO, OpensslDelete<BIO_free_all>>;
using BigNumber = std::unique_ptr<BIGNUM, OpensslDelete<BN_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, OpensslDelete<X509_EXTENSION_free>>;
using GeneralNames = std::unique_ptr<GENERAL_NAMES, OpensslDelete<GENERAL_NAMES_free>>;
using NameConstraints = std::unique_ptr<NAME_CONSTRAINTS, OpensslDelete<NAME_CONSTRAINTS_free>>;

inline std::string last_openssl_error() {
  char text[256] = "no reason given";
  if (const auto code = ERR_get_error()) ERR_error_string_n(code, text, sizeof text);
  ERR_clear_error();
  return text;
}

}  // namespace tidegate::cli
