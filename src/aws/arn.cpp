#include "aws/arn.hpp"

#include <array>

namespace tidegate::aws {

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
  std::string out;
  out.reserve(8 + partition.size() + service.size() + region.size() + account.size() +
              resource.size());
  out += "arn:";
  for (const std::string* part : {&partition, &service, &region, &account}) {
    out += *part;
    out += ':';
  }
  out += resource;
  return out;
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
  return Arn{partition_of(region), "bedrock", std::string(region), "",
             "foundation-model/" + std::string(model_id)}
      .str();
}

std::string inference_profile_arn(std::string_view region, std::string_view account,
                                  std::string_view profile_id) {
  return Arn{partition_of(region), "bedrock", std::string(region), std::string(account),
             "inference-profile/" + std::string(profile_id)}
      .str();
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
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = nibble(text[i + 1]);
    const int low = nibble(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace tidegate::aws
