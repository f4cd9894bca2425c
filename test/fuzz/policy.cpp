// Policy documents: those that are understood decide, and a Deny of everything always wins.
#include "policy/policy.hpp"

#include "fuzz.hpp"

namespace policy = tidegate::policy;

FUZZ_TARGET(data, size) {
  const auto document = policy::PolicyDocument::parse("p", tidegate::fuzz::text(data, size));
  if (!document) {
    CHECK(document.error().code == tidegate::ErrorCode::configuration);
    return 0;
  }
  static const auto deny = policy::PolicyDocument::parse(
      "deny",
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]})");
  CHECK(deny.has_value());
  const policy::Request request{
      .action = "bedrock:InvokeModel",
      .resource = "arn:aws:bedrock:eu-south-1::foundation-model/amazon.nova-2-lite-v1:0",
      .requested_region = "eu-south-1",
      .inference_profile_arn = {}};
  (void)policy::evaluate({&*document}, request);
  CHECK(policy::evaluate({&*document, &*deny}, request).outcome == policy::Outcome::explicit_deny);
  return 0;
}
