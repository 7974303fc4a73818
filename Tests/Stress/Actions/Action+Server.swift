import UVSockets

extension Action {
    /// A call on a server, which may be of other loops.
    private static func server(
        _ name: String, _ body: @escaping @Sendable (World, Scene.Server) -> Void
    ) -> Action {
        Action("UVServerHandle.\(name)") { world in
            let server = world.scene.servers.withLock { $0.pick(&world.random) }
            if let server { body(world, server) }
        }
    }

    static let servers: [Action] = [
        server("localEndpoint") { world, server in
            guard let endpoint = server.remote.localEndpoint else { return }
            world.expect(endpoint.port > 0, "a server has a port")
        },
        server("localEndpoints") { world, server in
            let isNumeric = server.remote.localEndpoints.allSatisfy { $0.port > 0 }
            world.expect(isNumeric, "a server has a port at each address")
        },
        server("post(_:except:whenSlow:)-(Span<UInt8>)") { world, server in
            let message = server.isSteady ? world.random.line() : world.random.message()
            server.remote.post(
                message.span, except: world.anyRecord()?.connection.id,
                whenSlow: world.random.slowReceiver(mayWait: false))
        },
        server("post(_:except:whenSlow:)-([UInt8])") { world, server in
            server.remote.post(
                server.isSteady ? world.random.line() : world.random.message(),
                whenSlow: world.random.slowReceiver(mayWait: false))
        },
        server("post(_:except:whenSlow:)-(some Collection<UInt8>)") { world, server in
            let message = server.isSteady ? world.random.line() : world.random.message()
            server.remote.post(
                message[...], whenSlow: world.random.slowReceiver(mayWait: false))
        },
        server("post(_:except:whenSlow:)-(some StringProtocol)") { world, server in
            server.remote.post("posted", whenSlow: world.random.slowReceiver(mayWait: false))
        },
        server("post(_:to:)-([UInt8])") { world, server in
            guard !server.isSteady, let record = world.anyRecord() else { return }
            server.remote.post(world.random.message(), to: record.connection.id)
        },
        server("post(_:to:)-(some StringProtocol)") { world, server in
            guard !server.isSteady, let record = world.anyRecord() else { return }
            server.remote.post("posted to one", to: record.connection.id)
        },
        server("room(_:)") { world, server in
            let room = server.remote.room(world.random.pick(["tea", "coffee"]))
            if let record = world.anyRecord() {
                world.random.once(in: 2)
                    ? room.join(record.connection) : room.leave(record.connection)
            }
            if let entry = world.clients.pick(&world.random) {
                world.random.once(in: 2)
                    ? room.join(entry.connection) : room.leave(entry.connection)
            }
            room.post(server.isSteady ? world.random.line() : world.random.message())
        },
        server("trace(_:to:)") { world, server in
            guard world.random.once(in: 5) else { return }
            var options = UVTraceOptions()
            options.lineLimit = 5
            server.remote.trace(options) { _ in }
        },
        server("forEachListener(_:)") { world, server in
            let scene = world.scene
            server.remote.forEachListener { listener in
                if !listener.loop.isOnLoop { scene.fault("a listener was lent on another thread") }
                _ = (listener.stats, listener.clients.count)
            }
        },
    ]
}

extension Scene {
    /// Adds a server to those that any thread may ask.
    func add(_ remote: UVServerHandle, isSteady: Bool = false) {
        servers.withLock { servers in
            let isKnown = servers.all.contains { $0.remote === remote }
            if !isKnown { servers.add(Server(remote: remote, isSteady: isSteady)) }
        }
    }
}
