// The entries of the log as lines. What a request leaves is flat and says nothing twice: an opened
// entry has what is known before a model runs, a closed one the answer, and the rest only where no
// opened one of the same file has it. document() makes CloudTrail's shape of what OpenedEntries put
// together, when somebody reads it, which is rare.
#pragma once

#include <string>

#include "attest/batch.hpp"
#include "audit/buffer.hpp"
#include "audit/frame.hpp"
#include "audit/record.hpp"

namespace tidegate::audit {

enum class Stage : std::uint8_t { opened, closed };

// Append one line. `segment` is the start of the file that it goes to.
void append_entry(Buffer& out, Stage stage, const Record& record, WallTime segment);
void append_entry(Buffer& out, const ServiceEvent& event);
// The third entry of every request whose attestation or token is one of its leaves.
void append_batch(Buffer& out, WallTime at, const Sha256& root, std::string_view json);
// Why a batch's key is a Region's: peer::Endorsement as it came. `key` is base64url.
void append_endorsement(Buffer& out, WallTime at, std::string_view key, std::string_view json);

// The closed line that an opened entry is owed whose request a crash cut short. Where it ran is not
// known: the Region was chosen after the opened entry was written, so inferenceRegion is "unknown",
// and the row of profile version and hash says where it can have been.
std::string interrupted_line(const Frame& opened);

}  // namespace tidegate::audit
