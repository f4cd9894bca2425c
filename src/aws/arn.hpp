// Amazon Resource Names: arn:partition:service:region:account:resource
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tidegate::aws {

struct Arn {
  std::string partition;  // "aws"
  std::string service;    // "bedrock"
  std::string region;     // may be empty
  std::string account;    // may be empty
  std::string
      resource;  // the rest, colons included: "inference-profile/eu.amazon.nova-2-lite-v1:0"

  static std::optional<Arn> parse(std::string_view text);
  std::string str() const;
};

std::string partition_of(std::string_view region);  // "aws", "aws-us-gov", "aws-cn"
std::string foundation_model_arn(std::string_view region, std::string_view model_id);
std::string inference_profile_arn(std::string_view region, std::string_view account,
                                  std::string_view profile_id);

// Percent-decodes once; nullopt where an escape is malformed. '+' is literal.
std::optional<std::string> percent_decode(std::string_view text);

}  // namespace tidegate::aws
