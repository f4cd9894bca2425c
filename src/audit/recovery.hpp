// What a start finds: the segments, where the chain stands, and the requests that a crash cut
// short. It mends what a crash can have broken: a torn last line is cut (never one that the chain
// covers), and files that nobody finished are sealed.
#pragma once

#include <string>
#include <vector>

#include "audit/chain.hpp"
#include "audit/segment.hpp"

namespace tidegate::audit {

struct Recovered {
  std::vector<SegmentInfo> segments;      // oldest first, all sealed
  std::vector<std::string> chain_behind;  // those with bytes that the chain does not cover yet
  Chain chain;
  std::vector<std::string> interrupted;  // closed lines to write before anything else
};

Result<Recovered> recover(Disk& disk, WallTime now);

}  // namespace tidegate::audit
