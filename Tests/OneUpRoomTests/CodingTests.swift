import OneUpRoom
import Testing

@Suite("Coding") struct CodingTests {}
