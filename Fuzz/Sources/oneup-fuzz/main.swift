// oneup-fuzz: throws almost good bytes at the decoders, in child processes, for a bounded time.
import Fuzzing
import Glibc

let options: FuzzOptions
do throws(FuzzFailure) { options = try FuzzOptions(Array(CommandLine.arguments.dropFirst())) } catch {
  report("oneup-fuzz: \(error.text)\n\(FuzzOptions.usage)")
  exit(2)
}
do throws(FuzzFailure) {
  switch options.role {
  case .list: for target in FuzzTarget.all { report(target.name) }
  case .keep(let number):
    let target = options.targets[0]
    let inputs = FuzzInputs(target, seed: options.seed, corpus: Corpus.inputs(options.corpus, target))
    report(try Corpus.save(inputs[number], options.corpus, target))
  case .replay(let file): try Child.replay(options.targets[0], file)
  case .child(let shared, let from, let deadline):
    try Child.run(options.targets[0], options, shared: shared, from: from, until: deadline)
  case .parent:
    var failures = 0
    for target in options.targets { failures += try Parent(target, options).run() }
    report(
      failures == 0 ? "fuzz: \(options.targets.count) targets passed, 0 failed" : "fuzz: \(failures) inputs failed")
    exit(failures == 0 ? 0 : 1)
  }
} catch {
  report("oneup-fuzz: \(error.text)")
  exit(2)
}
