//! The log is switched on and off while the node runs.

use super::*;

impl Machine {
    /// Applies directives on a disk of this mood: because of which one they were refused, and why.
    fn apply(&mut self, directives: &[(&str, &str)], mood: Mood) -> (String, String) {
        let changes = directives.iter().map(|&(directive, value)| (directive.into(), value.into())).collect();
        self.bench.engine.apply_settings(7, changes);
        for _ in 0..6 {
            self.turn(mood, usize::MAX);
        }
        let events = std::mem::take(&mut self.bench.engine.effects.events);
        let mut answers = events.into_iter().filter_map(|event| match event {
            Event::Applied { ticket: 7, directive, error } => Some((directive, error)),
            _ => None,
        });
        let answer = answers.next().expect("the settings are answered");
        assert_eq!(answers.next(), None);
        answer
    }
}

#[test]
fn switching_off_and_on_again_begins_a_new_log() {
    let mut machine = Machine::start(Disk::default(), ALWAYS).expect("an empty disk");
    let set = |machine: &mut Machine, value: &str| {
        assert_eq!(machine.apply(&[("appendonly", value)], Mood::Works), Default::default());
    };
    machine.count();
    machine.turn(Mood::Works, usize::MAX);
    set(&mut machine, "no");
    machine.count();
    machine.turn(Mood::Works, usize::MAX);
    assert!(!machine.bench.engine.is_withheld(machine.client));
    set(&mut machine, "yes");
    machine.count();
    machine.turn(Mood::Works, usize::MAX);
    let disk = machine.disk.lose_power(&mut Prng::new(1));
    assert_eq!(start_again(disk, ALWAYS).counted(), 3);
}

#[test]
fn log_that_cannot_be_opened_is_not_switched_on() {
    let mut machine = Machine::start(Disk::default(), &[("save", "")]).expect("an empty disk");
    let asked = [("hz", "50"), ("appendonly", "yes"), ("appendfsync", "always"), ("timeout", "9")];
    let (directive, error) = machine.apply(&asked, Mood::Fails);
    assert_eq!(directive, "appendonly");
    assert!(error.starts_with("Unable to turn on AOF: input/output error. Make room"), "{error}");
    let settings = &machine.bench.engine.settings;
    assert!(!settings.appendonly && settings.hz == 10 && settings.timeout == 0);
    assert!(machine.count() && !machine.bench.engine.is_withheld(machine.client));
    assert!(machine.say("INFO persistence").contains("aof_enabled:0"));
    // The disk works again.
    assert_eq!(machine.apply(&asked, Mood::Works), Default::default());
    let settings = &machine.bench.engine.settings;
    assert!(settings.appendonly && settings.hz == 50 && settings.timeout == 9);
    machine.count();
    machine.turn(Mood::Works, usize::MAX);
    let disk = machine.disk.lose_power(&mut Prng::new(1));
    assert_eq!(start_again(disk, ALWAYS).counted(), 2);
}

#[test]
fn log_is_switched_on_once_at_a_time_and_not_while_files_are_read() {
    let mut machine = Machine::start(Disk::default(), &[("save", "")]).expect("an empty disk");
    let yes = || vec![("appendonly".to_owned(), b"yes".to_vec())];
    machine.bench.engine.apply_settings(6, yes());
    let (directive, error) = machine.apply(&[("appendonly", "yes")], Mood::Works);
    assert_eq!((directive.as_str(), error.as_str()), ("appendonly", "it is being switched on already"));
    assert!(machine.bench.engine.settings.appendonly);

    let mut bench = Bench::new(&[("save", "")]);
    bench.engine.begin_load(Default::default());
    bench.engine.apply_settings(1, yes());
    let refused =
        |event: &Event| matches!(event, Event::Applied { error, .. } if error.contains("loading:0"));
    assert!(bench.engine.effects.events.iter().any(refused));
    assert!(!bench.engine.settings.appendonly);
}

#[test]
fn log_that_was_not_read_stays_until_another_is_whole() {
    let mut machine = Machine::start(Disk::default(), ALWAYS).expect("an empty disk");
    machine.count();
    machine.turn(Mood::Works, usize::MAX);
    let mut disk = machine.disk.lose_power(&mut Prng::new(1));
    for mood in [Mood::FailsToRename, Mood::Works] {
        let mut machine = Machine::start(disk, &[("save", "")]).expect("the log is not read");
        assert_eq!(machine.counted(), 0);
        assert_eq!(
            machine.apply(&[("appendonly", "yes"), ("appendfsync", "always")], mood),
            Default::default()
        );
        machine.count();
        machine.count();
        machine.turn(mood, usize::MAX);
        disk = machine.disk.lose_power(&mut Prng::new(1));
        let counted = if mood == Mood::Works { 2 } else { 1 };
        assert_eq!(start_again(disk.clone(), ALWAYS).counted(), counted);
    }
}
