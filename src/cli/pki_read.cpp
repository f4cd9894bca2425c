#include "cli/pki_read.hpp"

#include <fmt/format.h>
#include <openssl/pem.h>

#include "config/region.hpp"
#include "net/tls_context.hpp"

namespace tidegate::cli::pki {
namespace {

constexpr std::size_t pem_bytes_max = 1024 * 1024;

}  // namespace

std::unexpected<Error> wrong(std::string what, std::string why, std::string mend) {
  return fail({.code = ErrorCode::configuration,
               .message = std::move(what),
               .mend = std::move(mend),
               .why = std::move(why)});
}
std::unexpected<Error> openssl_failed(std::string_view doing) {
  return wrong(fmt::format("OpenSSL could not {}", doing), last_openssl_error(),
               "this is unexpected: check the installation of OpenSSL 3");
}

Result<std::vector<Certificate>> read_certificates(const std::filesystem::path& file) {
  TRY(const auto text, config::read_file(file, pem_bytes_max));
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  std::vector<Certificate> all;
  while (Certificate one{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)})
    all.push_back(std::move(one));
  ERR_clear_error();  // the end of the file is one
  if (all.empty())
    return wrong(fmt::format("{} holds no certificate", file.string()),
                 "no PEM block CERTIFICATE is in it", "name the right file");
  return all;
}

Result<PrivateKey> read_key(const std::filesystem::path& file) {
  TRY_VOID(net::check_key_mode(file.string()));
  TRY(const auto text, config::read_file(file, pem_bytes_max));
  const Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (!key)
    return wrong(fmt::format("{} holds no private key", file.string()), last_openssl_error(),
                 "name the right file; it must not be encrypted");
  return key;
}

Result<Authority> read_authority(const std::filesystem::path& certificate,
                                 const std::filesystem::path& key) {
  TRY(auto certificates, read_certificates(certificate));
  TRY(auto private_key, read_key(key));
  if (X509_check_private_key(certificates.front().get(), private_key.get()) != 1) {
    ERR_clear_error();
    return wrong(fmt::format("{} is not the key of {}", key.string(), certificate.string()),
                 "the public keys differ", "put back the pair that belongs together");
  }
  return Authority{std::move(certificates.front()), std::move(private_key)};
}

std::vector<std::string> uris_of(X509* certificate) {
  std::vector<std::string> uris;
  const GeneralNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                      static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return uris;
}

Result<std::string> trust_domain_of(const Authority& authority, const std::filesystem::path& file,
                                    const std::string& region) {
  constexpr std::string_view scheme = "spiffe://";
  const auto uris = uris_of(authority.certificate.get());
  if (uris.size() == 1 && uris[0].starts_with(std::string(scheme) + region + "."))
    return uris[0].substr(scheme.size());
  return wrong(fmt::format("{} is not the authority of {}", file.string(), region),
               "its URI does not begin with spiffe://" + region + ".",
               "make it with tidegate pki init");
}

}  // namespace tidegate::cli::pki
