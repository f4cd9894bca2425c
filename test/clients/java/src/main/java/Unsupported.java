/** What this SDK does not offer; the message says which. */
final class Unsupported extends RuntimeException {
  Unsupported(String what) {
    super(what);
  }
}
