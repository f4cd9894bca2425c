#include "gateway/checked.hpp"

#include <algorithm>
#include <set>

#include "audit/json_writer.hpp"

namespace tidegate::gateway {
namespace {

using audit::Buffer;
using audit::ObjectWriter;

void append_all(Buffer& out, const std::vector<policy::Check>& checks) {
  static constexpr std::string_view outcomes[] = {"allowed", "explicitDeny", "implicitDeny"};
  audit::append_array(out, checks, [](Buffer& to, const policy::Check& check) {
    ObjectWriter o(to);
    o.text(R"("resource":)", check.request.resource);
    o.text(R"("requestedRegion":)", check.request.requested_region);
    o.text(R"("outcome":)", outcomes[static_cast<std::size_t>(check.decision.outcome)]);
    o.text(R"("policy":)", check.decision.policy);
    o.text(R"("statement":)", check.decision.statement);
    o.end();
  });
}

void append_counted(Buffer& out, const std::vector<policy::Check>& checks) {
  std::set<std::pair<std::string_view, std::string_view>> by;
  for (const auto& check : checks) by.emplace(check.decision.policy, check.decision.statement);
  ObjectWriter o(out);
  o.number(R"("allowed":)", static_cast<std::int64_t>(checks.size()));
  audit::append_array(o.member(R"("by":)"), by, [](Buffer& to, const auto& one) {
    ObjectWriter statement(to);
    statement.text(R"("policy":)", one.first);
    statement.text(R"("statement":)", one.second);
    statement.end();
  });
  o.end();
}

}  // namespace

Checked::Checked(std::vector<policy::Check> checks)
    : all_(std::move(checks)),
      allowed_(std::ranges::all_of(all_, [](const auto& c) { return c.decision.allowed(); })) {
  if (all_.empty()) return;
  Buffer text;
  if (allowed_) {
    append_counted(text, all_);
  } else {
    append_all(text, all_);
  }
  text_ = text.view();
}

std::vector<policy::Check> Checked::denied() const {
  std::vector<policy::Check> out;
  std::ranges::copy_if(all_, std::back_inserter(out),
                       [](const policy::Check& c) { return !c.decision.allowed(); });
  return out;
}

}  // namespace tidegate::gateway
