// Whole answers of model servers, each kind in its turn (the first byte chooses); what is
// understood can be told.
#include "body.hpp"

namespace chat = tidegate::chat;

FUZZ_TARGET(data, size) {
  if (size == 0) return 0;
  const std::string_view text = tidegate::fuzz::text(data, size).substr(1);
  const auto tell = [](const tidegate::Result<chat::Completion>& answer) {
    if (answer) CHECK(tidegate::fuzz::is_json(chat::converse_answer(*answer, {})));
    if (!answer) CHECK(answer.error().code == tidegate::ErrorCode::model_error);
  };
  switch (data[0] % 5) {
    case 0:
      tell(chat::parse_openai_answer(text));
      break;
    case 1:
      tell(chat::from_anthropic(text));
      break;
    case 2:
      tell(chat::from_converse(text));
      break;
    case 3:
      (void)chat::from_count_tokens(text);
      break;
    case 4:
      (void)chat::parse_openai_embeddings(text, 2);
      break;
  }
  return 0;
}
