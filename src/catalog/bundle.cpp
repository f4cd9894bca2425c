#include "catalog/bundle.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.hpp"
#include "catalog/limits.hpp"
#include "catalog/members.hpp"

namespace tidegate::catalog {
namespace {

constexpr std::int64_t bundle_format = 1;

std::unexpected<Error> broken(std::string what, std::string mend = {}) {
  return fail(ErrorCode::configuration, "bundle: " + what, std::move(mend));
}

std::string content_of(std::string_view catalog, std::uint64_t epoch, const std::string& previous) {
  return fmt::format(R"({{"catalog":{},"epoch":{},"format":{},"previous":{}}})", catalog, epoch,
                     bundle_format, previous.empty() ? "null" : '"' + previous + '"');
}

// Null at epoch 1, which has none before it, and an address afterwards.
Result<std::string> read_previous(Members& members, std::uint64_t epoch, const json::object& o) {
  const json::value* v = o.if_contains("previous");
  if (!v) return wrong("bundle", "member \"previous\" is missing");
  members.known("previous");
  if (epoch == 1 && v->is_null()) return std::string();
  const auto* text = v->if_string();
  if (epoch > 1 && text && sha256_from_hex(*text)) return std::string(*text);
  return wrong("bundle.previous",
               epoch == 1 ? "must be null at epoch 1" : "must be the SHA-256 of the bundle before");
}

Result<BundleSignature> read_signature(const json::value& v, std::string where) {
  TRY(Members members, Members::open(v, std::move(where)));
  BundleSignature out;
  TRY(out.key, members.text("key"));
  TRY(const std::string base64, members.text("signature"));
  TRY_VOID(members.finish());
  const auto bytes = from_base64(base64);
  if (!bytes || bytes->size() != Ed25519PublicKey::signature_size) {
    return wrong(members.member("signature"), "must be 64 bytes in base64");
  }
  out.signature = *bytes;
  return out;
}

}  // namespace

Result<Bundle> Bundle::draft(std::string_view catalog_json, std::uint64_t epoch,
                             std::string previous) {
  auto document = json::parse(catalog_json);
  if (!document) return broken("the catalogue is not JSON: " + document.error().message);
  Bundle out;
  const std::string canonical = json::canonical(*document);
  TRY(out.catalog_, Catalog::parse(canonical));
  out.epoch_ = epoch;
  out.previous_ = std::move(previous);
  out.content_ = content_of(canonical, epoch, out.previous_);
  out.sha256_ = to_hex(tidegate::sha256(out.content_));
  return out;
}

Result<Bundle> Bundle::parse(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.size() > limits::catalog_bytes_max) {
    return broken(fmt::format("it has more than {} bytes", limits::catalog_bytes_max));
  }
  auto parsed = json::parse(text);
  if (!parsed) return broken(parsed.error().message);
  TRY(Members file, Members::open(*parsed, "file"));
  TRY(const json::object* inner, file.object("bundle"));
  TRY(const json::array* signatures, file.list("signatures"));
  TRY_VOID(file.finish());
  TRY(Members members, Members::open(*file.any("bundle").value(), "bundle"));
  TRY(const std::int64_t format, members.integer("format"));
  if (format != bundle_format) return wrong("bundle.format", "must be 1");
  TRY(const std::int64_t epoch, members.integer("epoch"));
  if (epoch < 1 || epoch > limits::catalog_epoch_max) {
    return wrong("bundle.epoch", "must be 1 or more");
  }
  Bundle out;
  out.epoch_ = static_cast<std::uint64_t>(epoch);
  TRY(out.previous_, read_previous(members, out.epoch_, *inner));
  TRY_VOID(members.object("catalog"));
  TRY_VOID(members.finish());
  if (signatures->size() > limits::bundle_signatures_max) {
    return wrong("signatures",
                 fmt::format("there are more than {}", limits::bundle_signatures_max));
  }
  for (std::size_t i = 0; i < signatures->size(); ++i) {
    TRY(BundleSignature one, read_signature((*signatures)[i], fmt::format("signatures[{}]", i)));
    out.signatures_.push_back(std::move(one));
  }
  const std::string catalog = json::canonical(inner->at("catalog"));
  out.content_ = content_of(catalog, out.epoch_, out.previous_);
  out.sha256_ = to_hex(tidegate::sha256(out.content_));
  // What was parsed, written again, must be what was given: there is one way to write a bundle.
  if (out.text() != std::string(text) + "\n") {
    return broken("it is not in its canonical form (RFC 8785)",
                  "do not edit a bundle: tidegate catalog draft and sign write it");
  }
  TRY(out.catalog_, Catalog::parse(catalog));
  return out;
}

std::string Bundle::signed_text() const {
  return "tidegate catalogue bundle 1\n" + sha256_ + "\n";
}

Result<void> Bundle::sign(std::string_view private_pem) {
  TRY(const Ed25519Signature made, sign_ed25519(private_pem, signed_text()));
  const std::string id = made.key.id();
  std::erase_if(signatures_, [&](const BundleSignature& one) { return one.key == id; });
  signatures_.push_back({.key = id, .signature = made.bytes});
  std::ranges::sort(signatures_, {}, &BundleSignature::key);
  return {};
}

Result<std::vector<std::string>> Bundle::verify(std::span<const Signer> signers) const {
  std::vector<std::string> names;
  const std::string message = signed_text();
  for (const Signer& signer : signers) {
    const std::string id = signer.key.id();
    bool signed_it = false;
    for (const BundleSignature& one : signatures_) {
      if (one.key != id) continue;
      if (!signer.key.verify(message, one.signature)) {
        return broken(fmt::format("the signature of {} ({}) does not hold", signer.name, id),
                      "get the bundle from its signer again; it was changed after it was signed");
      }
      signed_it = true;
    }
    if (signed_it) names.push_back(signer.name);
  }
  return names;
}

std::string Bundle::text() const {
  std::string out = R"({"bundle":)" + content_ + R"(,"signatures":[)";
  for (const BundleSignature& one : signatures_) {
    if (out.back() != '[') out += ',';
    out += R"({"key":)";
    json::append_quoted(out, one.key);
    out += R"(,"signature":)";
    json::append_quoted(out, to_base64(one.signature));
    out += '}';
  }
  out += "]}\n";
  return out;
}

}  // namespace tidegate::catalog
