// The life of a request: eight stages, one file each. Data flows one way; each stage turns facts
// into one more fact.
#pragma once

#include <unordered_map>

#include "gateway/journal.hpp"
#include "gateway/trail.hpp"
#include "http/exchange.hpp"
#include "peer/token.hpp"

namespace tidegate::gateway {

class Region;
class Worker;

// What leaves after the record has been written: a whole answer, or the last bytes of one that has
// begun.
struct Answer {
  http::ResponseHead head;
  std::string bytes;
};

Answer json_answer(const json::object& body, int status = 200,
                   std::string_view content_type = "application/json");
// The one variable of a control operation's path.
const std::string& named(const Trail& trail);

// What a control operation must be allowed to do.
struct ControlCheck {
  std::string_view action;  // "bedrock:TagResource"
  std::string resource;     // an ARN, or "*"
};

// No Region of the row has room: 503, with a hint when to come back.
Error capacity_error();

class Pipeline final : public http::Handler {
 public:
  Pipeline(Region& region, Worker& worker);
  Task<void> serve(http::Exchange& exchange) override;

  // resolve() and authorize() for a dry run: no exchange, no body. Errors as the stages give them.
  Result<Target> resolve(std::string_view model_reference, std::string_view account,
                         const Snapshot& snapshot) const;
  // `target` and the caller's record are the snapshot's.
  CheckedPtr check(const Target& target, const api::Operation& operation, const Caller& caller,
                   const std::shared_ptr<const Snapshot>& snapshot);

 private:
  Task<Result<Answer>> run(http::Exchange& exchange, Trail& trail);
  Task<Result<Call>> receive(http::Exchange& exchange, Trail& trail);  // receive.cpp
  Result<identity::Principal> identify(const Call& call, const http::Exchange& exchange,
                                       const Snapshot& snapshot);  // identify.cpp
  Result<Permit> authorize(Trail& trail);                          // authorize.cpp
  Result<Admitted> admit(const Permit& permit);                    // admit.cpp
  Task<Result<routing::Decision>> route(http::Exchange& exchange, Trail& trail,
                                        MonoTime deadline);                         // route.cpp
  Task<model::Attempt> execute(http::Exchange& exchange, Trail& trail);             // execute.cpp
  Journal::Append open_record(const http::Exchange& exchange, const Trail& trail);  // record.cpp
  Task<Result<void>> record(const http::Exchange& exchange, Trail& trail,
                            const Result<Answer>& outcome);
  Journal::Append close_record(const http::Exchange& exchange, const Trail& trail,
                               const Result<Answer>& outcome);
  Task<Result<Answer>> control(http::Exchange& exchange, Trail& trail);  // control.cpp
  Task<Result<Answer>> answer_control(Trail& trail, const api::Parameters& query);
  Result<void> authorize_control(Trail& trail, const std::vector<ControlCheck>& wanted);
  bool may_use(const Trail& trail, const Target& target);
  Result<Answer> list_models(Trail& trail, const api::BedrockView& view);  // model_list.cpp
  Result<Answer> retrieve_model(Trail& trail, const api::BedrockView& view);
  Result<Answer> get_profile(Trail& trail, const api::BedrockView& view);
  Result<Answer> get_model(Trail& trail, const api::BedrockView& view);
  Result<Answer> get_availability(Trail& trail, const api::BedrockView& view);
  Task<Result<Answer>> lookup_events(Trail& trail);
  Task<Result<Answer>> create_profile(Trail& trail,
                                      const api::BedrockView& view);  // profile_operations.cpp
  Task<Result<Answer>> delete_profile(Trail& trail, const api::BedrockView& view);
  Task<Result<Answer>> change_tags(Trail& trail, const api::BedrockView& view);
  Result<Answer> list_tags(Trail& trail, const api::BedrockView& view);
  Task<bool> serve_operations(http::Exchange& exchange);  // /health, /metrics

  Task<model::Attempt> execute_here(http::Exchange& exchange, Trail& trail, http::Headers headers);
  Task<model::Attempt> execute_abroad(http::Exchange& exchange, Trail& trail,
                                      http::Headers headers);
  peer::RoutingToken make_token(const Trail& trail, const catalog::RegionId& destination) const;
  http::Headers answer_headers(const Trail& trail, std::string_view inference_region) const;
  audit::Record make_record(const http::Exchange& exchange, const Trail& trail) const;
  Answer error_answer(const Error& error, const Trail& trail) const;

  Region& region_;
  Worker& worker_;
  Journal journal_;
  // Decisions of one snapshot, which is held so that its addresses stay names of its objects.
  struct PermitKey {
    Caller caller;
    const catalog::Row* row;
    api::OperationId operation;
    std::string application_profile_arn;  // not the snapshot's
    bool operator==(const PermitKey&) const = default;
  };
  struct PermitHash {
    std::size_t operator()(const PermitKey& key) const;
  };
  std::unordered_map<PermitKey, CheckedPtr, PermitHash> permits_;
  std::shared_ptr<const Snapshot> permits_of_;
};

}  // namespace tidegate::gateway
