// The entries of the log as lines. A closed entry is a Record in CloudTrail's shape with one member
// of our own, "tidegate"; LookupEvents answers it as it stands. An opened entry is only read after
// a crash, or while its request runs: it is flat, short, and turned into that shape then.
#pragma once

#include <string>
#include <string_view>

#include "audit/buffer.hpp"
#include "audit/frame.hpp"
#include "audit/record.hpp"

namespace tidegate::audit {

enum class Stage : std::uint8_t { opened, closed };

// Append one line.
void append_entry(Buffer& out, Stage stage, const Record& record);
void append_entry(Buffer& out, const ServiceEvent& event);

// The document of a closed entry alone.
void append_document(Buffer& out, const Record& record);

// The document of a request that has an opened entry and no closed one. Where it ran is not known:
// the Region was chosen after the opened entry was written, so inferenceRegion is "unknown", and
// the row of profile version and hash says where it can have been.
enum class Unfinished : std::uint8_t { in_progress, interrupted };
Result<std::string> unfinished_document(const Frame& opened, Unfinished how);

}  // namespace tidegate::audit
