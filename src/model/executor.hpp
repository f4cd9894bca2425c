// Run it here: one worker's connections to the model servers of its Region, and the local execution
// of one request over them.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "http/client.hpp"
#include "model/adapter.hpp"
#include "model/attempt.hpp"

namespace tidegate::model {

// Connections of one worker to the back-ends: one http::Client each, made by a factory port. It
// sends BackendConfig::authority() as the Host header.
using ClientFactory = std::function<std::unique_ptr<http::Client>(const BackendConfig&)>;

class LocalExecutor {
 public:
  LocalExecutor(Loop& loop, std::shared_ptr<const ModelMap> models, ClientFactory factory);
  // Refuses at the source what no Region could run, before any is chosen, and keeps what was
  // understood for Work::request. A model that does not run here is checked by the format's own
  // rules only: what else it takes is known where it runs. Errors: those of Format::parse and of
  // the back-end's check.
  Result<std::unique_ptr<const chat::Request>> check(const chat::Format& format,
                                                     std::string_view model_id,
                                                     std::string_view body,
                                                     std::string_view request_id) const;
  // The slot is held by the caller for as long as this runs. For a stream it calls
  // exchange.begin()/write() itself (with the given extra headers in the head) and keeps the last
  // bytes in Attempt::answer_tail; a unary answer is whole in answer_head and answer_tail.
  Task<Attempt> execute(http::Exchange& exchange, Work work, http::Headers extra_headers);
  // Health and load of every back-end, all at once; tells BackendState. Called by the gateway every
  // second.
  Task<void> probe();

 private:
  struct Run;
  Task<Result<void>> run(http::Exchange& exchange, const Work& work, http::Headers extra_headers,
                         Attempt& attempt);
  Task<Result<void>> converse(Run& run, const chat::Conversation& conversation);
  Task<Result<void>> embed(Run& run, const chat::EmbeddingRequest& request);
  Task<Result<void>> count(Run& run, const chat::Conversation& conversation);
  struct Reply;
  Task<Result<Reply>> ask(Run& run, BackendRequest request, chat::Streaming streaming);
  Task<Result<std::string>> ask_whole(Run& run, BackendRequest request);
  void answer_whole(Run& run, const chat::Outcome& outcome);
  Task<Result<void>> answer_stream(Run& run, http::ClientExchange& answer,
                                   const chat::Conversation& conversation);
  Task<Result<void>> pass_on(Run& run, std::string bytes);

  Task<void> probe_one(BackendState& backend, std::size_t& left, Event& all_done);
  struct Page;
  Task<Page> get(BackendState& backend, std::string_view path);
  Task<void> probe_load(BackendState& backend);

  Loop& loop_;
  std::shared_ptr<const ModelMap> models_;
  std::map<std::string, std::unique_ptr<http::Client>, std::less<>> clients_;  // by back-end
  // Which of its load paths a back-end has; beyond them: none, as far as was seen.
  std::map<const BackendState*, std::size_t> load_path_;
};

}  // namespace tidegate::model
