// Checks the hash chain over the files of a log, with nothing but the files: every byte is covered
// once, in order, every hash is right, sequence numbers join. What an auditor runs on her own
// laptop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "audit/log.hpp"

namespace tidegate::audit {

struct ChainReport {
  std::uint64_t entries = 0;          // covered
  std::uint64_t first_sequence = 1;   // above 1 where retention removed older segments
  std::uint64_t ranges = 0;           // chain entries
  std::uint64_t uncovered_bytes = 0;  // behind the last range: the newest, not chained yet
  std::vector<std::string> findings;  // sentences; empty: the chain holds
  bool holds() const { return findings.empty(); }
};

Result<ChainReport> verify_chain(Disk& disk);

}  // namespace tidegate::audit
