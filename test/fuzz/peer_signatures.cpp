// What a peer signs: batches and the endorsement of their key, certificates included.
#include "attest/batch.hpp"
#include "fuzz.hpp"
#include "peer/endorsement.hpp"
#include "peer/signing_fixture.hpp"

namespace attest = tidegate::attest;
namespace peer = tidegate::peer;

FUZZ_TARGET(data, size) {
  static const peer::TrustBundle bundle = [] {
    const peer::testing::Certificates made("eu-central-1", "test.internal", {});
    return peer::TrustBundle::from_pem(made.authority.certificate_pem()).value();
  }();
  const std::string_view text = tidegate::fuzz::text(data, size);
  if (const auto batch = attest::Batch::from_json(text)) {
    const auto again = attest::Batch::from_json(batch->to_json());
    CHECK(again && again->signed_text() == batch->signed_text() && again->leaves == batch->leaves);
    (void)batch->signature_holds();
  }
  if (const auto endorsement = peer::Endorsement::from_json(text)) {
    const auto again = peer::Endorsement::from_json(endorsement->to_json());
    CHECK(again && again->to_json() == endorsement->to_json());
    CHECK(!bundle.check(*endorsement, "test.internal"));  // nobody has that authority's key
  }
  return 0;
}
