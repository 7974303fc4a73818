"""The checks of the chat, IRC, MQTT and syslog."""

import os
import socket
import threading
import time
from statistics import median

from cookbook import CONFIGURATION
from processes import SECONDS, Stage, dribble, exactly, free_port, output, until
from terminal import Irssi

TELEGRAMS = 10_000
ROUNDS = 3


def chat(report, program):
    with Stage() as stage:
        port = free_port()
        server = stage.start(program, port, port=port)
        names = ["ada", "bob", "cy"]
        people = {}
        for name in names:
            people[name] = stage.talk(port)
            report.same(f"{name} is asked", people[name].hear(), "What is your name?\n")
            people[name].say(name)
            for other in people.values():
                report.same(f"{name} comes", other.hear(), f"* {name} is in hall\n")
        ada, bob, cy = people.values()
        ada.say("hello")
        report.same("bob hears ada", bob.hear(), "ada: hello\n")
        report.same("cy hears ada", cy.hear(), "ada: hello\n")
        ada.say("/who")
        report.same("/who", ada.hear(), "* 3 in hall\n")
        bob.say("/join tea")
        report.same("ada sees bob go", ada.hear(), "* bob has left\n")
        report.same("bob is in the other room", bob.hear(), "* bob is in tea\n")
        report.same("cy sees bob go", cy.hear(), "* bob has left\n")
        bob.say("only tea here")
        cy.say("only the hall here")
        report.same("ada hears her room only", ada.hear(), "cy: only the hall here\n")
        answer = output("nc", "-N", "127.0.0.1", port, input="dan\n/who\n/quit\n")
        wanted = "What is your name?\n* dan is in hall\n* 3 in hall\n"
        report.same("nc", answer, wanted)
        cy.socket.shutdown(socket.SHUT_RDWR)
        heard = [ada.hear() for _ in range(3)]
        wanted = ["* dan is in hall\n", "* dan has left\n", "* cy has left\n"]
        report.same("ada sees who came and left", heard, wanted)
        code = server.end()
        report.same("ada hears the server's goodbye", ada.hear(), "* The server stops.\n")
        report.same("the server's exit code", code, 0)


def irc(report, program):
    with Stage() as stage:
        port = free_port()
        server = stage.start(program, port, port=port)
        folders = {}
        for nick in ["ada", "bob"]:
            prefix = stage.folder / nick
            stage.start("ii", "-s", "127.0.0.1", "-p", port, "-n", nick, "-i", prefix)
            folders[nick] = prefix / "127.0.0.1"
            welcome = _line_in(folders[nick] / "out", "Welcome")
            report.true(f"ii as {nick} is welcome", welcome.endswith(f"Welcome, {nick}"), welcome)
            _write(folders[nick] / "in", "/j #tea")
            names = _line_in(folders[nick] / "out", "= #tea")
            report.true("the names in the channel", nick in names, names)
        ada, bob = folders.values()
        came = _line_in(ada / "#tea/out", "bob")
        report.true("ada sees bob join", "has joined #tea" in came, came)
        _write(ada / "#tea/in", "hello from ii")
        line = _line_in(bob / "#tea/out", "hello")
        report.true("bob hears ada in #tea", line.endswith("<ada> hello from ii"), line)
        _write(bob / "in", "/j ada only for you")
        line = _line_in(ada / "bob/out", "only")
        report.true("ada hears bob alone", line.endswith("<bob> only for you"), line)

        dot = Irssi(stage.folder / "dot", "dot", port, "#tea")
        stage.callback(dot.end)
        line = _line_in(bob / "#tea/out", "dot")
        report.true("irssi joins", "has joined #tea" in line, line)
        _line_in(dot.log, "[Users #tea]")
        _write(bob / "#tea/in", "hello, irssi")
        line = _line_in(dot.log, "hello, irssi")
        report.true("irssi hears ii", "bob" in line, line)
        dot.say("/msg #tea hello, ii")
        line = _line_in(bob / "#tea/out", "hello, ii")
        report.true("ii hears irssi", line.endswith("<dot> hello, ii"), line)
        dot.say("/quit")
        line = _line_in(bob / "out", "has quit")
        report.true("irssi quits", "dot" in line, line)

        cy = stage.talk(port)
        cy.say("NICK Ada\r\nUSER cy 0 * :Cy", "\r\n")
        taken = ":server 433 * Ada :Nickname is already in use\r\n"
        report.same("a nick that is taken", cy.hear(), taken)
        cy.say("NICK cy", "\r\n")
        report.same("another nick", cy.hear(), ":server 001 cy :Welcome, cy\r\n")
        cy.hear()
        cy.say("PING abc", "\r\n")
        report.same("PING", cy.hear(), ":server PONG server :abc\r\n")
        cy.say("JOIN #tea\r\nPART #tea", "\r\n")
        heard = [cy.hear() for _ in range(4)]
        report.same("PART", heard[3], ":cy!cy@127.0.0.1 PART #tea\r\n")
        line = _line_in(bob / "#tea/out", "has left")
        report.true("bob sees cy part", "cy" in line, line)
        _write(ada / "in", "/q")
        line = _line_in(bob / "out", "ada(")
        report.true("bob sees ada quit", "has quit" in line, line)
        report.same("the server's exit code", server.end(), 0)


def _write(fifo, text):
    until(fifo.exists, f"{fifo}")
    with open(fifo, "w") as file:
        file.write(text + "\n")


def _line_in(file, text):
    def find():
        lines = file.read_text().splitlines() if file.exists() else []
        return next((line for line in lines if text in line), None)
    return until(find, f"'{text}' in {file.name}")


def mqtt(report, program):
    import paho.mqtt.client as paho

    with Stage() as stage:
        port = free_port()
        server = stage.start(program, port, port=port)
        address = ["-h", "127.0.0.1", "-p", port]
        subscribers = {}
        for topic in ["home/+/warmth", "home/#", "garden/#"]:
            subscribers[topic] = stage.start("mosquitto_sub", "-d", "-v", *address, "-t", topic)
            subscribers[topic].line_with("Subscribed")
        output("mosquitto_pub", *address, "-t", "home/kitchen/warmth", "-m", "21")
        for topic in ["home/+/warmth", "home/#"]:
            line = subscribers[topic].line_with("home/kitchen/warmth 21")
            report.same(f"mosquitto_sub -t {topic}", line, "home/kitchen/warmth 21")
        output("mosquitto_pub", *address, "-t", "garden", "-m", "rain")
        report.same("garden/# has garden, too",
                    subscribers["garden/#"].line_with("garden rain"), "garden rain")
        both = [line for line in subscribers["garden/#"].lines() if "warmth" in line]
        report.same("garden/# gets nothing of home", both, [])

        heard, subscribed, gone = [], threading.Event(), threading.Event()
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="paho")
        client.on_connect = lambda client, *_: client.subscribe("paho/+")
        client.on_subscribe = lambda *_: subscribed.set()
        client.on_message = lambda _, __, message: heard.append((message.topic, message.payload))
        client.on_disconnect = lambda *_: gone.set()
        client.connect("127.0.0.1", port, keepalive=1)
        client.loop_start()
        stage.callback(client.loop_stop)
        report.same("paho-mqtt subscribes", subscribed.wait(SECONDS), True)
        report.true("paho-mqtt, which pings once a second, is there after 4 s", not gone.wait(4),
                    "connected")
        payload = os.urandom(200_000)
        client.publish("paho/big", payload)
        until(lambda: heard, "paho's message")
        report.true("paho-mqtt gets its 200,000 bytes", heard == [("paho/big", payload)],
                    heard[0][0])
        with socket.create_connection(("127.0.0.1", port), SECONDS) as silent:
            dribble(silent, b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x01\x00\x03old")
            report.same("CONNECT, a byte at a time", exactly(silent, 4), b"\x20\x02\x00\x00")
            begin = time.monotonic()
            end = silent.recv(1)
            seconds = time.monotonic() - begin
            report.true("a silent client with a keep-alive of 1 s ends after 1.5 s",
                        end == b"" and 1.4 < seconds < 4, f"{seconds:.1f} s")
        connect = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x00\x00\x03one"
        with socket.create_connection(("127.0.0.1", port), SECONDS) as first, \
                socket.create_connection(("127.0.0.1", port), SECONDS) as second:
            first.sendall(connect)
            exactly(first, 4)
            second.sendall(connect + b"\x82\x0a\x00\x07\x00\x05a/#/b\x00")
            report.same("a second client with the same id ends the first", first.recv(1), b"")
            report.same("a filter that is none is refused", exactly(second, 9),
                        b"\x20\x02\x00\x00\x90\x03\x00\x07\x80")
        client.disconnect()
        report.same("paho-mqtt disconnects", gone.wait(SECONDS), True)
        _compare(report, stage, server, port)
        report.same("the server's exit code", server.end(), 0)
        report.same("nothing in the log", server.lines(), [])


def _compare(report, stage, server, port):
    """The same messages by this broker and by mosquitto, in turn."""
    other = free_port()
    settings = stage.folder / "mosquitto.conf"
    settings.write_text(
        f"listener {other} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
    mosquitto = stage.start("mosquitto", "-c", settings, port=other)
    rounds = [(_cost(stage, server, port), _cost(stage, mosquitto, other)) for _ in range(ROUNDS)]
    (lost, ours), (_, theirs) = [[median(values) for values in zip(*side)] for side in zip(*rounds)]
    report.true(f"mosquitto_pub to mosquitto_sub, {TELEGRAMS:,} messages", lost == 0,
                f"{ours:.1f} µs of CPU each ({CONFIGURATION} build); mosquitto: {theirs:.1f} µs")


def _cost(stage, broker, port):
    """How many messages are lost, and the broker's CPU time for each in microseconds."""
    address = ["-h", "127.0.0.1", "-p", port, "-t", "telegrams"]
    subscriber = stage.start("mosquitto_sub", "-d", *address, "-C", TELEGRAMS, "-W", SECONDS)
    subscriber.line_with("Subscribed")
    before = broker.cpu_seconds()
    text = "".join(f"telegram {number:055}\n" for number in range(TELEGRAMS))
    output("mosquitto_pub", *address, "-l", input=text)
    subscriber.process.wait(SECONDS * 2)
    cpu = broker.cpu_seconds() - before
    came = [line for line in subscriber.lines() if line.startswith("telegram")]
    return text.splitlines() != came, cpu / TELEGRAMS * 1e6


def syslog(report, program):
    with Stage() as stage:
        port = free_port()
        server = stage.start(program, port, port=port)
        logger = ["logger", "-n", "127.0.0.1", "-P", port, "-T", "-p", "mail.warning"]
        for option, text in [([], "ended by LF"), (["--octet-count"], "counted in octets")]:
            output(*logger, *option, text)
            line = server.line_with(text)
            report.true(" ".join(["logger", *option]), line.startswith("127.0.0.1 2.warning ")
                        and line.endswith(text), line)
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            dribble(client, b"<13>one\n10 <14>two\nxx<11>three\n")
            lines = [server.line_with(text) for text in ["one", "two", "three"]]
            wanted = ["1.notice one", "1.info two?xx", "1.err three"]
            report.same("both framings on one connection, a byte at a time", lines,
                        [f"127.0.0.1 {line}" for line in wanted])
        with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
            client.sendall(b"99999 <13>too long")
            report.same("a message that is too long ends the client", client.recv(1), b"")

        local = stage.folder / "log"
        settings = stage.folder / "rsyslog.conf"
        settings.write_text(
            f'module(load="imuxsock" SysSock.Use="off")\n'
            f'input(type="imuxsock" Socket="{local}")\n'
            f'*.* action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp"'
            f' TCP_Framing="octet-counted")\n')
        stage.start("rsyslogd", "-n", "-f", settings, "-i", stage.folder / "rsyslog.pid")
        until(local.exists, "rsyslog's socket")
        output("logger", "-u", local, "-p", "user.err", "by way of rsyslog")
        line = server.line_with("by way of rsyslog")
        report.true("rsyslog", line.startswith("127.0.0.1 1.err "), line)
        report.same("the server's exit code", server.end(), 0)
