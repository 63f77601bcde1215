import Base
import Formats

/// Appends elements. The array has a name because a span of an unnamed one in a loop crashes the 6.3 optimiser.
func append(_ values: [Float], to writer: SafeTensorsWriter) throws(Failure) { try writer.append(values.span) }
