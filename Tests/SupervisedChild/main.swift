// A server without players: the real supervisor over children that only speak the channel, for tests that kill them.
//
//   supervised-child supervise DATA [hang milliseconds]   the supervisor
//   supervised-child worker|gateway|control               a child
//
// Control writes what it hears from `processes` and `recoveries` to DATA/view.json, whole, again and again.
import Glibc
import SupervisionCore
import SupervisionShell
import Synchronization
import Wire

func fail(_ text: String) -> Never {
  let bytes = Array((text + "\n").utf8)
  write(STDERR_FILENO, bytes, bytes.count)
  exit(2)
}

func supervise(_ data: String, hangMilliseconds: Int64) -> Never {
  var options = SupervisorOptions(
    data: data, shards: 4, workers: 2, listen: Endpoint(host: "127.0.0.1", port: 0),
    http: Endpoint(host: "127.0.0.1", port: 0), gatewayLoops: 1)
  options.adjust = { settings in
    settings.hangMilliseconds = hangMilliseconds
    settings.dumpMilliseconds = 50
    settings.graceMilliseconds = 2_000
  }
  options.arguments = { ["supervised-child", $0.rawValue] }
  do {
    exit(try SupervisorProcess(options).run())
  } catch { fail("\(error)") }
}

func writeView(_ data: String, processes: [UInt8], recoveries: [UInt8]) {
  let text =
    "{\"processes\":\(String(decoding: processes, as: UTF8.self)),\"recoveries\":"
    + "\(String(decoding: recoveries, as: UTF8.self))}"
  let path = data + "/view.json"
  guard let file = fopen(path + ".new", "w") else { fail("cannot write \(path)") }
  fputs(text, file)
  fclose(file)
  rename(path + ".new", path)
}

func child(_ role: String) -> Never {
  guard let configuration = RoleConfiguration.ofThisProcess, let data = configuration.values["data"] else {
    fail("started without a configuration")
  }
  let channel = ChildChannel()
  channel.start(
    receive: { message in
      switch message {
      case .adopt(let shards):
        for each in shards {
          channel.send(.adopted(each.shard, each.epoch, rooms: 1, events: 2, microseconds: 3))
        }
      case .stop: exit(0)
      case .workers, .roomShares, .response, .changed: break
      }
    })
  channel.ready()
  var turns: UInt64 = 0
  while true {
    turns += 1
    channel.beat([turns])
    if role == "control" {
      channel.request("processes") { processes in
        channel.request("recoveries") { recoveries in
          writeView(data, processes: processes, recoveries: recoveries)
        }
      }
    }
    usleep(20_000)
  }
}

switch CommandLine.arguments.dropFirst().first {
case "supervise" where CommandLine.arguments.count >= 3:
  supervise(
    CommandLine.arguments[2],
    hangMilliseconds: CommandLine.arguments.count > 3 ? Int64(CommandLine.arguments[3]) ?? 3_000 : 3_000)
case let role? where ["worker", "gateway", "control"].contains(role): child(role)
default: fail("usage: supervised-child supervise DATA")
}
