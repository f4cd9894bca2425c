// Short-term API keys of Amazon Bedrock: "bedrock-api-key-" and, in base64, the URL of a
// CallWithBearerToken that its maker presigned with an access key. It acts as that access key's
// principal, in the Region that it was signed for, for at most twelve hours.
// https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-how.html and, for the bytes,
// https://pypi.org/project/aws-bedrock-token-generator/
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/time.hpp"
#include "http/message.hpp"

namespace tidegate::identity {

// Taken apart, and not believed yet.
struct ShortTermKey {
  std::string id;                           // api_key_id() of the text: what records call it by
  http::RequestHead request;                // what was signed
  std::string key_id, date, region, scope;  // the credential, as ClaimedIdentity has them
  std::string amz_date, signature;
  WallTime signed_at{};
  Duration lifetime{};
};

bool is_short_term_key(std::string_view text);

// Errors: invalid_api_key, whatever is not exactly such a URL: another action, service or host, a
// parameter that is missing, unknown or repeated, a longer life, temporary credentials.
Result<std::shared_ptr<const ShortTermKey>> parse_short_term_key(std::string_view text);

}  // namespace tidegate::identity
