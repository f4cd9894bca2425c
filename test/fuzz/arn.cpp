// ARNs, percent-encoding and model references: what was parsed is written as it was.
#include "aws/arn.hpp"

#include "api/bedrock.hpp"
#include "api/operations.hpp"
#include "fuzz.hpp"

FUZZ_TARGET(data, size) {
  const std::string_view text = tidegate::fuzz::text(data, size);
  if (const auto arn = tidegate::aws::Arn::parse(text)) CHECK(arn->str() == text);
  if (const auto decoded = tidegate::aws::percent_decode(text))
    CHECK(decoded->size() <= text.size());
  (void)tidegate::api::parse_model_reference(text);
  (void)tidegate::api::parse_form(text);
  tidegate::http::RequestHead head;
  head.method = "POST";
  head.target = text;
  (void)tidegate::api::match_head(head);
  return 0;
}
