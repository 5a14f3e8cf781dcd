// The files of a new module. «name» and «Type» are put in when they are written.

enum ScaffoldText {
  static let room = #"""
    // «name»: everybody walks about in a meadow and plants flowers.
    import OneUpRoom

    // What clients say. Numbers are for ever: give new messages and fields new ones.
    struct Walk: Message {
      static let id: UInt8 = 1
      var to = Vec2()
      mutating func fields<C: Coder>(_ c: inout C) { c(1, "to", &to) }
    }
    struct Plant: Message {
      static let id: UInt8 = 2
      mutating func fields<C: Coder>(_ c: inout C) {}
    }
    // What they are told.
    struct Planted: Message {
      static let id: UInt8 = 3
      var who = Slot()
      var flower: UInt32 = 0
      mutating func fields<C: Coder>(_ c: inout C) {
        c(1, "who", &who)
        c(2, "flower", &flower)
      }
    }

    struct Walker: Fields {
      var pos = Vec2(), name = "", planted: UInt32 = 0
      var to = Vec2(), rested: UInt64 = 0
      mutating func fields<C: Coder>(_ c: inout C) {
        c(1, "pos", &pos)  // saved, and every client sees it
        c(2, "name", &name)
        c(3, "planted", &planted)
        c.hidden(4, "to", &to)  // saved only
        c.hidden(5, "rested", &rested)
      }
    }
    struct Flower: Fields {
      var pos = Vec2(), hue: UInt16 = 0
      mutating func fields<C: Coder>(_ c: inout C) {
        c(1, "pos", &pos)
        c(2, "hue", &hue)
      }
    }

    struct «Type»: Room {
      static let settings = Settings(hz: 20, members: 32, keepEmptySeconds: 3600)
      static let size = Vec2(800, 500)
      var walkers = Table<Walker>()
      var flowers = Table<Flower>()
      mutating func fields<C: Coder>(_ c: inout C) {
        c(1, "walkers", &walkers)
        c(2, "flowers", &flowers)
      }
      static func messages(_ m: inout Messages) {
        m("Walk", Walk.self)
        m("Plant", Plant.self)
        m("Planted", Planted.self)
      }

      mutating func join(_ member: Member, _ room: Context) {
        walkers.insert(Walker(pos: room.random(in: (.zero, Self.size)), name: member.name), at: member.slot)
      }
      mutating func leave(_ member: Member, _ room: Context) { walkers.remove(member.slot) }

      mutating func message(_ message: Incoming, from member: Member, _ room: Context) throws(Refused) {
        if let walk = try message.read(Walk.self) {
          walkers[member.slot].to = walk.to.limited(1)
        } else if try message.read(Plant.self) != nil {
          // Refuse before anything is changed.
          guard room.tick >= walkers[member.slot].rested else { throw Refused("your hands are still full of earth") }
          plant(member.slot, room)
        } else {
          throw Refused("unknown message")
        }
      }
      mutating func tick(_ room: Context) {
        for at in walkers.indices {
          let step = walkers[at: at].to * (120 * room.dt)
          walkers[at: at].pos = (walkers[at: at].pos + step).clamped(.zero, Self.size)
        }
      }
      func check() -> String? { flowers.count <= 200 ? nil : "there are more than 200 flowers" }

      mutating func plant(_ slot: Slot, _ room: Context) {
        walkers[slot].rested = room.tick + 20
        walkers[slot].planted += 1
        if flowers.count == 200 { flowers.remove(flowers.keys[0]) }
        let key = flowers.append(Flower(pos: walkers[slot].pos, hue: UInt16(room.random(in: 0...359))))
        let planted = Planted(who: slot, flower: key)
        room.send(planted)
        room.reply(planted)
      }
    }

    """#

  static let tests = #"""
    import OneUpRoom
    import Testing

    @Suite("«name»") struct «Type»Tests {
      @Test("A flower grows where somebody stands, and not twice at once") func plants() throws {
        let room = try RoomTest<«Type»>()
        let ann = try room.join("ann")
        try room.stream(Walk(to: Vec2(1, 0)), from: ann)
        room.advance(ticks: 5)
        let planted = try room.send(Plant(), from: ann).read(Planted.self)
        #expect(planted?.who == ann)
        #expect(room.room.flowers.values.first?.pos == room.room.walkers[ann].pos)
        #expect(room.outputs().count == 1)
        #expect(throws: Refused.self) { try room.send(Plant(), from: ann) }
        room.advance(ticks: 20)
        try room.send(Plant(), from: ann)
        #expect(room.room.flowers.count == 2 && room.check() == nil)
      }

      // Plays at random, saves, restores a second copy: both must go on alike. It finds a property that is missing from
      // `fields`. Add a case for each new message.
      @Test("A room that is moved forgets nothing") func twins() throws {
        try twinTest(«Type».self, seeds: 1...50) { twins in
          switch twins.chance(below: 6) {
          case 0: twins.join()
          case 1: twins.leave()
          case 2: twins.send(Plant())
          case 3, 4: twins.stream(Walk(to: Vec2(twins.chance(in: -1...1), twins.chance(in: -1...1))))
          default: twins.advance(ticks: 10)
          }
        }
      }
    }

    """#

  static let page = #"""
    <!doctype html>
    <meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
    <title>«name»</title><link rel="icon" href="data:,">
    <style>
      html, body { margin: 0; height: 100%; background: #10281c; color: #eaf5e4; font: 16px system-ui, sans-serif; }
      body { display: grid; place-content: center; gap: 12px; justify-items: center; }
      canvas { width: min(94vw, 150vh); border-radius: 18px; touch-action: none; box-shadow: 0 12px 50px #0008; }
      p { margin: 0; padding: 0 3vw; min-height: 1.4em; text-align: center; opacity: .8; }
    </style>
    <canvas id="meadow" width="1600" height="1000" aria-label="The meadow"></canvas>
    <p id="word" role="status">…</p>
    <script type="module">
      import { connect } from "/oneup.js";
      const say = (text) => { document.getElementById("word").textContent = text; };
      const hint = "Arrows or a finger: walk · Space or a tap: plant a flower";
      const canvas = document.getElementById("meadow"), draw = canvas.getContext("2d");
      const name = new URLSearchParams(location.search).get("name") || "Walker " + Math.floor(Math.random() * 100);
      const oneup = await connect({ name });
      oneup.on("connection", (event) => say(event.state === "up" ? hint : "Connecting again …"));
      const room = await oneup.join("«name»/lobby");
      say(hint);

      async function plant() {
        try { await room.send("Plant"); } catch (refused) { say(refused.reason ?? refused.message); }
      }
      const keys = new Set();
      const walk = () => room.stream("Walk", { to: {
        x: keys.has("ArrowRight") - keys.has("ArrowLeft"), y: keys.has("ArrowDown") - keys.has("ArrowUp") } });
      addEventListener("keydown", (e) => {
        if (e.key === " ") { e.preventDefault(); if (!e.repeat) plant(); }
        if (e.key.startsWith("Arrow")) { e.preventDefault(); keys.add(e.key); walk(); }
      });
      addEventListener("keyup", (e) => { if (keys.delete(e.key)) walk(); });
      let finger = null;
      canvas.addEventListener("pointerdown", (e) => { finger = { x: e.clientX, y: e.clientY, moved: false }; });
      addEventListener("pointermove", (e) => {
        if (!finger) return;
        const to = { x: (e.clientX - finger.x) / 60, y: (e.clientY - finger.y) / 60 };
        if (Math.hypot(to.x, to.y) > .2) { finger.moved = true; room.stream("Walk", { to }); }
      });
      addEventListener("pointerup", () => {
        if (finger && !finger.moved) plant();
        if (finger?.moved) room.stream("Walk", { to: { x: 0, y: 0 } });
        finger = null;
      });

      function flower({ pos, hue }) {
        draw.fillStyle = `hsl(${hue} 75% 70%)`;
        for (let petal = 0; petal < 6; petal++) {
          const turn = petal * Math.PI / 3;
          draw.beginPath();
          draw.arc(pos.x * 2 + Math.cos(turn) * 20, pos.y * 2 + Math.sin(turn) * 20, 14, 0, 7);
          draw.fill();
        }
        draw.fillStyle = "#ffe9a8";
        draw.beginPath(); draw.arc(pos.x * 2, pos.y * 2, 12, 0, 7); draw.fill();
      }
      function frame() {
        requestAnimationFrame(frame);
        const view = room.view();
        if (!view?.walkers) return;
        draw.fillStyle = "#2f6b3f"; draw.fillRect(0, 0, 1600, 1000);
        for (const each of view.flowers.values()) flower(each);
        draw.font = `${Math.max(28, 12 * 1600 / canvas.clientWidth)}px system-ui`; draw.textAlign = "center";
        for (const [slot, { pos, name, planted }] of view.walkers) {
          draw.fillStyle = slot === room.slot ? "#fff" : "#c9e4ff";
          draw.beginPath(); draw.arc(pos.x * 2, pos.y * 2, 22, 0, 7); draw.fill();
          const text = `${name} · ${planted}`, half = draw.measureText(text).width / 2 + 12;
          draw.fillText(text, Math.max(half, Math.min(1600 - half, pos.x * 2)), pos.y < 36 ? pos.y * 2 + 62 : pos.y * 2 - 40);
        }
      }
      frame();
    </script>

    """#

  static let readme = #"""
    # «name»

    A game for OneUp, a server with extra lives.

        oneup dev        a server with the game; what you save goes live in the running rooms
        oneup test       the tests in Tests
        oneup build      Sources to modules/«name».wasm, and Page beside it, for a server that stays: oneup serve --dev

    | | |
    |---|---|
    | `Sources/«Type».swift` | the game: messages, state, rules. It runs on the server, in a sandbox |
    | `Page/index.html` | the client, with `/oneup.js`, which the server brings along |
    | `Tests/«Type»Tests.swift` | a test of the rules, and one that finds forgotten fields |
    | `module.json` | name, version and the type that is the room |

    Next:
    1. While `oneup dev` runs and somebody plays, change the 120 in `Sources/«Type».swift` and save: seconds later
       everybody is faster, and the flowers are still there.
    2. Give `Plant` a field (`hue`, say), send it from the page with `room.send("Plant", { hue: 20 })`.
    3. Break something on purpose (`walkers[Slot(99)]`): only that one message is undone, everybody plays on.

    The whole interface is in the server's `docs/rooms.md`.

    """#
}
