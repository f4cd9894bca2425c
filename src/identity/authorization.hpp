// The form of a signed request, before any key is looked up: the Authorization header taken apart,
// and the rules that make one signature mean one request (a plain target, one value for each signed
// header, nothing of AWS's unsigned).
#pragma once

#include "http/message.hpp"
#include "identity/authenticator.hpp"

namespace tidegate::identity {

// Targets with empty, "." or ".." segments (also percent-encoded) are refused: a normalising reader
// would see another resource than the one that was signed.
Result<void> check_target(const http::RequestHead& head);

// Of an API key in a header that is accepted, its digest only. Errors: missing_authentication,
// incomplete_signature.
Result<ClaimedIdentity> parse_claim(const http::RequestHead& head, ApiKeyHeaders accepted);

// Host (or :authority) and every x-amz-* header must be signed, and a signed header must not be
// repeated.
Result<void> check_signed_headers(const http::RequestHead& head, const ClaimedIdentity& claim);

}  // namespace tidegate::identity
