/// Some objects to pick from at random, at most so many: the oldest makes room for another.
struct Roster<Element> {
    private(set) var all: [Element] = []
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// Adds one.
    ///
    /// - Returns: The one that had to leave.
    @discardableResult
    mutating func add(_ element: Element) -> Element? {
        all.append(element)
        return all.count > limit ? all.removeFirst() : nil
    }

    func pick(_ random: inout SplitMix64) -> Element? {
        all.isEmpty ? nil : random.pick(all)
    }

    mutating func removeAll(where isLeaving: (Element) -> Bool) {
        all.removeAll(where: isLeaving)
    }
}
