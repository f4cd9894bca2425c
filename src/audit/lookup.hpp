// Reading the log, newest first: files are read backwards in blocks, those outside the time asked
// for are not opened, and a page's token is a place in a file, so it stays good across restarts and
// while the log grows. Free functions over the disk: readers share nothing with writers. `now`
// tells an attestation whose signature may still come from one that is missing.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "audit/log.hpp"
#include "audit/segment.hpp"

namespace tidegate::audit {

Result<EventPage> lookup_events(Disk& disk, const std::vector<SegmentInfo>& segments,
                                const EventQuery& query, WallTime now);
Result<std::optional<json::object>> find_request(Disk& disk,
                                                 const std::vector<SegmentInfo>& segments,
                                                 std::string_view request_id, WallTime now);
Result<std::vector<json::object>> newest_service_events(Disk& disk,
                                                        const std::vector<SegmentInfo>& segments,
                                                        std::optional<WallTime> start,
                                                        std::size_t max);

}  // namespace tidegate::audit
