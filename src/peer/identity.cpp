#include "peer/identity.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/openssl.hpp"

namespace tidegate::peer {
namespace {

constexpr std::string_view scheme = "spiffe://";
constexpr std::string_view path_prefix = "/gw/";
constexpr std::size_t uri_bytes_max = 2'048;         // SPIFFE-ID.md 2.3
constexpr std::size_t trust_domain_bytes_max = 255;  // SPIFFE-ID.md 2.1

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// A Region's name is one label of AWS's form: lower-case words and digits with hyphens between
// them. "xn--" would be an encoded name in another alphabet.
bool is_region_name(std::string_view label) {
  return !label.empty() && is_lower_or_digit(label.front()) && is_lower_or_digit(label.back()) &&
         !label.starts_with("xn--") &&
         std::ranges::all_of(label, [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_domain(std::string_view domain) {
  return !domain.empty() && domain.front() != '.' && domain.back() != '.' &&
         domain.find("..") == std::string_view::npos && std::ranges::all_of(domain, [](char c) {
           return is_lower_or_digit(c) || c == '.' || c == '-' || c == '_';
         });
}

bool is_node(std::string_view segment) {
  return !segment.empty() && segment != "." && segment != ".." &&
         std::ranges::all_of(segment, [](char c) {
           return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' ||
                  c == '_';
         });
}

}  // namespace

std::string RegionIdentity::uri() const {
  return fmt::format("{}{}.{}{}{}", scheme, region.str(), operator_domain, path_prefix, node);
}

// Every byte is looked at, up to the length of the view: a NUL is a byte that is not allowed, never
// an end.
std::optional<RegionIdentity> RegionIdentity::parse(std::string_view uri,
                                                    std::string_view operator_domain) {
  if (uri.size() > uri_bytes_max || !uri.starts_with(scheme)) return std::nullopt;
  const std::string_view rest = uri.substr(scheme.size());
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view trust_domain = rest.substr(0, slash);
  const std::string_view path = rest.substr(slash);
  const auto dot = trust_domain.find('.');
  if (trust_domain.size() > trust_domain_bytes_max || dot == std::string_view::npos)
    return std::nullopt;
  const std::string_view region = trust_domain.substr(0, dot);
  const std::string_view domain = trust_domain.substr(dot + 1);
  if (!is_region_name(region) || !is_domain(domain) || domain != operator_domain)
    return std::nullopt;
  if (!path.starts_with(path_prefix)) return std::nullopt;
  const std::string_view node = path.substr(path_prefix.size());
  if (!is_node(node)) return std::nullopt;
  return RegionIdentity{catalog::RegionId(std::string(region)), std::string(domain),
                        std::string(node)};
}

std::optional<std::string> uri_san(const x509_st* certificate) {
  const openssl::GeneralNames names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::optional<std::string> uri;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    if (uri) return std::nullopt;
    // By its length: a NUL inside must not hide what follows it.
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    uri.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  return uri;
}

}  // namespace tidegate::peer
