// The documents of the log: a Record in CloudTrail's shape with one member of our own, "tidegate",
// and what crash recovery makes of an opened entry whose closed one never came. LookupEvents
// answers these documents as they stand.
#pragma once

#include <string>
#include <string_view>

#include "audit/record.hpp"
#include "base/json.hpp"

namespace tidegate::audit {

enum class Stage : std::uint8_t { opened, closed };

// Appends the JSON document of `record`; `opened` has only what is known before a model runs.
void append_document(std::string& out, const Record& record, Stage stage);
void append_document(std::string& out, const ServiceEvent& event);

// The closed document of a request that a crash cut short. Where it ran is not known: the Region
// was chosen after the opened entry was written, so inferenceRegion is "unknown" and the row says
// where it can have been.
json::object interrupted(json::object opened_document);

}  // namespace tidegate::audit
