import CCrypto

/// A SHA-256 digest of bytes that come in pieces, by OpenSSL.
@safe package final class SHA256 {
  // Made in init, freed in deinit, used in between by whoever has this object, which is not Sendable.
  private let context: OpaquePointer

  package init() {
    guard let context = unsafe EVP_MD_CTX_new() else { fatalError("no memory for a digest") }
    unsafe self.context = unsafe context
    start()
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  private func start() {
    // Fails only where the system's OpenSSL is configured without SHA-256.
    guard unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else { fatalError("OpenSSL has no SHA-256") }
  }

  /// Forgets what was added.
  package func reset() { start() }

  package func add(_ bytes: RawSpan) {
    let done = unsafe bytes.withUnsafeBytes { unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count) }
    precondition(done == 1)
  }

  /// The digest of what was added since the last reset, as 64 lower-case hexadecimal digits. Resets.
  package func finish() -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: finishBytes().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// The digest of what was added since the last reset, 32 bytes. Resets.
  package func finishBytes() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    let done = unsafe digest.withUnsafeMutableBufferPointer {
      unsafe EVP_DigestFinal_ex(context, $0.baseAddress, nil)
    }
    precondition(done == 1)
    start()
    return digest
  }
}
