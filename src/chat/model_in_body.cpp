// The model that a door's body names has to be known before anything else of the request is.
// Reading stops at the name: a body of megabytes is not made a document twice.
#include <boost/json/basic_parser_impl.hpp>

#include "chat/converse_formats.hpp"
#include "chat/family_formats.hpp"
#include "chat/field.hpp"

namespace tidegate::chat {
namespace {

// What Boost.JSON's parser calls. It stops with an error of ours once the name is known.
struct ModelHandler {
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;
  using error = boost::system::error_code;

  int depth = 0;
  bool named = false;  // the member that comes is the model
  bool found = false;
  std::string key, model;

  bool on_document_begin(error&) { return true; }
  bool on_document_end(error&) { return true; }
  bool on_object_begin(error&) { return open(); }
  bool on_object_end(std::size_t, error&) { return close(); }
  bool on_array_begin(error&) { return open(); }
  bool on_array_end(std::size_t, error&) { return close(); }
  bool on_key_part(std::string_view part, std::size_t, error&) {
    if (depth == 1) key += part;
    return true;
  }
  bool on_key(std::string_view part, std::size_t, error&) {
    if (depth != 1) return true;
    key += part;
    named = key == "model";
    key.clear();
    return true;
  }
  bool on_string_part(std::string_view part, std::size_t, error&) {
    if (named) model += part;
    return true;
  }
  bool on_string(std::string_view part, std::size_t, error& stop) {
    if (!named) return true;
    model += part;
    found = true;
    stop = boost::system::errc::make_error_code(boost::system::errc::operation_canceled);
    return false;
  }
  bool on_number_part(std::string_view, error&) { return true; }
  bool on_int64(std::int64_t, std::string_view, error&) { return other(); }
  bool on_uint64(std::uint64_t, std::string_view, error&) { return other(); }
  bool on_double(double, std::string_view, error&) { return other(); }
  bool on_bool(bool, error&) { return other(); }
  bool on_null(error&) { return other(); }
  bool on_comment_part(std::string_view, error&) { return true; }
  bool on_comment(std::string_view, error&) { return true; }

 private:
  bool open() {
    named = false;
    ++depth;
    return true;
  }
  bool close() {
    --depth;
    return true;
  }
  bool other() {
    named = false;
    return true;
  }
};

}  // namespace

Result<std::string> model_in_body(std::string_view body, aws::Protocol door) {
  boost::json::basic_parser<ModelHandler> parser({});
  boost::system::error_code failed;
  parser.write_some(false, body.data(), body.size(), failed);
  ModelHandler& handler = parser.handler();
  if (handler.found && !handler.model.empty()) return std::move(handler.model);
  // What is wrong is said by the reader that says it best.
  json::Arena arena;
  TRY(const json::value document, parse_client_json(body, arena));
  const Field root(document, door == aws::Protocol::anthropic ? anthropic_words : openai_words);
  TRY(const Field model, root.required("model"));
  TRY(const std::string_view name, model.string_of_length(1, SIZE_MAX));
  return std::string(name);
}

}  // namespace tidegate::chat
