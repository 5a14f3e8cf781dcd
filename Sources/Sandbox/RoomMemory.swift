// How much memory a room has.
package import Core

extension WasmEngine {
  /// What its linear memory has grown to; it never shrinks. 0: a native room's is not known.
  package func memoryBytes(of instance: any RoomInstance) -> Int {
    if native.instance(instance) != nil { return 0 }
    let block = WasmInstance.block(of: instance)
    precondition(!block.pointee.isSpoiled, "a failed instance has nothing worth measuring")
    return block.pointee.wholeMemory().count
  }
}
