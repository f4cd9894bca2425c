// Rotation: new certificates, and a new authority in two steps. A step that was interrupted is
// mended by doing it again.
#include <fmt/format.h>

#include "base/limits.hpp"
#include "cli/pki.hpp"
#include "cli/pki_make.hpp"

namespace tidegate::cli::pki {
namespace {

// Of the two that a trust bundle may hold.
struct Bundle {
  std::vector<Certificate> certificates;
  PrivateKey next_key;  // null where no authority is announced
  X509* first() const { return certificates.front().get(); }
  X509* second() const { return certificates.size() > 1 ? certificates[1].get() : nullptr; }
  bool is_next(X509* one) const {
    return next_key && one && X509_check_private_key(one, next_key.get()) == 1;
  }
  bool is_announced() const { return is_next(first()) || is_next(second()); }
};

Result<Bundle> read_bundle(const AuthorityFiles& files) {
  Bundle bundle;
  TRY(bundle.certificates, read_certificates(files.certificates));
  if (std::filesystem::exists(files.next_key)) {
    TRY(bundle.next_key, read_key(files.next_key));
  }
  ERR_clear_error();
  return bundle;
}

Result<void> save_bundle(const AuthorityFiles& files, std::initializer_list<X509*> certificates) {
  return save_certificates(std::span(certificates.begin(), certificates.size()),
                           files.certificates);
}

// `present` signs meanwhile.
Result<AuthorityRotation> announce(const AuthorityFiles& files, const Authority& present,
                                   const Authority& next) {
  TRY_VOID(save_key(next.key, files.next_key));
  TRY_VOID(save_bundle(files, {present.certificate.get(), next.certificate.get()}));
  return AuthorityRotation{AuthorityStep::announced,
                           {{files.next_key, Made::created}, {files.certificates, Made::replaced}}};
}

// The announced authority takes over. Its key stays where it is until everything else is done.
Result<AuthorityRotation> switch_over(const AuthorityFiles& files, const Bundle& bundle) {
  const bool done_before = bundle.is_next(bundle.first());
  X509* const next = done_before ? bundle.first() : bundle.second();
  X509* const old = done_before ? bundle.second() : bundle.first();
  TRY_VOID(old ? save_bundle(files, {next, old}) : save_bundle(files, {next}));
  TRY_VOID(save_key(bundle.next_key, files.key));
  std::error_code error;
  std::filesystem::remove(files.next_key, error);
  return AuthorityRotation{AuthorityStep::switched,
                           {{files.certificates, Made::replaced}, {files.key, Made::replaced}}};
}

// "DNS:a", "IP:10.0.0.1" of the present certificate of the public port.
std::vector<std::string> present_names(const Paths& paths, const IssueRequest& request) {
  std::vector<std::string> names;
  const auto facts = read(paths.api(request.region, request.node));
  if (!facts) return IssueRequest{}.names;  // there is none: what a first one is made for
  for (const std::string& name : facts->front().names)
    names.push_back(name.substr(name.find(':') + 1));
  return names;
}

IssueRequest with_names(const Paths& paths, IssueRequest request) {
  if (request.names.empty()) request.names = present_names(paths, request);
  return request;
}

// A public certificate below the directory that this authority has signed; empty: there is none.
Result<std::filesystem::path> signed_by(X509* authority, const Paths& paths) {
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(paths.directory, error), end;
       !error && at != end; at.increment(error)) {
    if (!at->path().filename().string().ends_with("-api.pem")) continue;
    TRY(const auto leaf, read_certificates(at->path()));
    const bool is_its = X509_verify(leaf.front().get(), X509_get0_pubkey(authority)) == 1;
    ERR_clear_error();
    if (is_its) return at->path();
  }
  if (!error) return std::filesystem::path();
  return wrong(fmt::format("{} cannot be searched", paths.directory.string()), error.message(),
               "let this user read all of it");
}

Result<AuthorityRotation> retire(const Paths& paths, const Bundle& bundle) {
  const AuthorityFiles files = paths.api_authority();
  TRY_VOID(read_authority(files.certificates, files.key));
  TRY(const auto still, signed_by(bundle.second(), paths));
  if (!still.empty()) {
    return wrong(fmt::format("{} is still signed by the old authority", still.string()),
                 "clients that have the next trust bundle would not be let in there any more",
                 fmt::format("tidegate pki rotate --region {}, and this again",
                             still.parent_path().filename().string()));
  }
  TRY_VOID(save_bundle(files, {bundle.first()}));
  return AuthorityRotation{AuthorityStep::retired, {{files.certificates, Made::replaced}}};
}

}  // namespace

Result<std::vector<Outcome>> rotate(const Paths& paths, const IssueRequest& request, WallTime now) {
  const AuthorityFiles files = paths.region_authority(request.region);
  TRY(const Bundle bundle, read_bundle(files));
  std::vector<Outcome> outcomes;
  if (bundle.second() && !bundle.is_next(bundle.second())) {
    TRY_VOID(read_authority(files.certificates, files.key));
    TRY_VOID(save_bundle(files, {bundle.first()}));
    outcomes.push_back({files.certificates, Made::replaced});
  }
  TRY(auto issued, issue(paths, with_names(paths, request), now));
  outcomes.insert(outcomes.end(), issued.begin(), issued.end());
  return outcomes;
}

Result<AuthorityRotation> rotate_authority(const Paths& paths, const IssueRequest& request,
                                           WallTime now) {
  const AuthorityFiles files = paths.region_authority(request.region);
  TRY(const Bundle bundle, read_bundle(files));
  if (!bundle.is_announced()) {
    TRY(const Authority present, read_authority(files.certificates, files.key));
    TRY(const std::string trust_domain,
        trust_domain_of(present, files.certificates, request.region));
    TRY(const Authority next,
        make_region_authority(request.region, trust_domain.substr(request.region.size() + 1), now));
    return announce(files, present, next);
  }
  TRY(auto done, switch_over(files, bundle));
  TRY(auto issued, issue(paths, with_names(paths, request), now));
  done.outcomes.insert(done.outcomes.end(), issued.begin(), issued.end());
  return done;
}

Result<AuthorityRotation> rotate_api_authority(const Paths& paths, const IssueRequest& request,
                                               WallTime now) {
  const AuthorityFiles files = paths.api_authority();
  TRY(const Bundle bundle, read_bundle(files));
  if (bundle.is_announced()) {
    TRY(auto done, switch_over(files, bundle));
    TRY(auto issued, issue_public(paths, with_names(paths, request), now));
    done.outcomes.push_back(std::move(issued));
    return done;
  }
  if (bundle.second()) return retire(paths, bundle);
  TRY(const Authority present, read_authority(files.certificates, files.key));
  TRY(const Authority next, make_api_authority(now));
  return announce(files, present, next);
}

}  // namespace tidegate::cli::pki
