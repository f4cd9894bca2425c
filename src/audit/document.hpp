// A record as it is read: CloudTrail's shape with one member of our own, "tidegate".
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
#pragma once

#include "audit/frame.hpp"
#include "base/json.hpp"

namespace tidegate::audit {

// Of an entry of any kind. An opened one is a request in progress: outcome "InProgress", and where
// it runs is not known yet.
// Errors: malformed_json (an entry of ours that is none: its CRC was right, so a newer format).
Result<json::object> document(const Frame& entry);

}  // namespace tidegate::audit
