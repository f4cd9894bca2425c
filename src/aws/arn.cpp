#include "aws/arn.hpp"

#include <array>

namespace tidegate::aws {
namespace {

// "arn", and the parts behind a colon each: partition, service, region, account, resource. A second
// piece of the resource follows the first.
std::string joined(const std::array<std::string_view, 5>& parts, std::string_view more = {}) {
  std::size_t size = 3 + parts.size() + more.size();
  for (const auto part : parts) size += part.size();
  std::string out;
  out.reserve(size);
  out += "arn";
  for (const auto part : parts) {
    out += ':';
    out += part;
  }
  out += more;
  return out;
}

}  // namespace

std::optional<Arn> Arn::parse(std::string_view text) {
  std::array<std::string_view, 5> parts;  // "arn", partition, service, region, account
  for (auto& part : parts) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    part = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  if (parts[0] != "arn" || parts[1].empty() || parts[2].empty() || text.empty()) {
    return std::nullopt;
  }
  return Arn{std::string(parts[1]), std::string(parts[2]), std::string(parts[3]),
             std::string(parts[4]), std::string(text)};
}

std::string Arn::str() const {
  return joined({partition, service, region, account, resource});
}

// The European Sovereign Cloud and the isolated Regions are here so that no Region of theirs passes
// for one of "aws".
std::string partition_of(std::string_view region) {
  struct Prefix {
    std::string_view region, partition;
  };
  static constexpr Prefix prefixes[] = {
      {"us-gov-", "aws-us-gov"}, {"cn-", "aws-cn"},     {"us-iso-", "aws-iso"},
      {"us-isob-", "aws-iso-b"}, {"eusc-", "aws-eusc"},
  };
  for (const auto& [prefix, partition] : prefixes) {
    if (region.starts_with(prefix)) return std::string(partition);
  }
  return "aws";
}

std::string foundation_model_arn(std::string_view region, std::string_view model_id) {
  return joined({partition_of(region), "bedrock", region, "", "foundation-model/"}, model_id);
}

std::string inference_profile_arn(std::string_view region, std::string_view account,
                                  std::string_view profile_id) {
  return joined({partition_of(region), "bedrock", region, account, "inference-profile/"},
                profile_id);
}

std::optional<std::string> percent_decode(std::string_view text) {
  const auto nibble = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  out.reserve(text.size());
  for (;;) {
    const auto escape = text.find('%');
    out += text.substr(0, escape);
    if (escape == std::string_view::npos) return out;
    text.remove_prefix(escape);
    if (text.size() < 3) return std::nullopt;
    const int high = nibble(text[1]);
    const int low = nibble(text[2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    text.remove_prefix(3);
  }
}

}  // namespace tidegate::aws
