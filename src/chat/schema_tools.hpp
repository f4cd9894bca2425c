// Tools for a model server that has no tool parser. A call that the caller forces (toolChoice any
// or tool) is asked for as structured output: the answer's text is then the call's input. A choice
// that is left to the model cannot be offered so.
#pragma once

#include <memory>
#include <string>

#include "chat/stream_reader.hpp"

namespace tidegate::chat {

// Whether this model server can run the conversation at all. Errors: validation, in AWS's words.
Result<void> check_no_tools(const Conversation& conversation);
Result<void> check_schema_tools(const Conversation& conversation);

// The same conversation without tools: the forced call as its output schema, earlier calls and
// results as text. One without tools is returned as it is. Errors: those of check_schema_tools.
Result<Conversation> with_schema_for_tools(const Conversation& conversation);

// The answer to such a conversation, its text made the call that it is. `answer_id` makes the
// call's id.
Completion with_call_from_text(const Conversation& asked, Completion answer,
                               std::string_view answer_id);

// The same for a stream. `asked` must outlive the reader.
std::unique_ptr<StreamReader> make_schema_tool_reader(const Conversation& asked,
                                                      std::unique_ptr<StreamReader> inner,
                                                      std::string answer_id);

}  // namespace tidegate::chat
