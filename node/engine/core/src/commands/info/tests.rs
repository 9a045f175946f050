//! Tests of INFO.

use crate::testing::Bench;

#[test]
fn sections_are_chosen_by_name() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    let default = bench.say(client, "INFO");
    for title in ["# Server", "# Clients", "# Memory", "# Replication", "# Errorstats", "# Keyspace"] {
        assert!(default.contains(title), "{title} is missing");
    }
    assert!(!default.contains("# Commandstats"));
    let titles = |text: &str| {
        text.split("# ").skip(1).map(|part| part.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(&default), titles(&bench.say(client, "INFO default")));
    assert!(bench.say(client, "INFO all").contains("cmdstat_info:calls=2,usec=0,usec_per_call=0.00,"));
    assert!(bench.say(client, "INFO EVERYTHING").contains("# Modules"));
    let two = bench.say(client, "INFO cluster keyspace");
    assert!(two.ends_with("# Cluster cluster_enabled:0  # Keyspace"), "{two}");
    assert_eq!(bench.say(client, "INFO nosuch"), "$0");
}

#[test]
fn facts_from_outside_are_shown() {
    let mut bench = Bench::new(&[]);
    bench.engine.host.facts.insert("run_id".into(), "cafe".into());
    let client = bench.client();
    let text = bench.say(client, "INFO server");
    assert!(text.contains("run_id:cafe") && text.contains("server_name:garrison"), "{text}");
    bench.engine.host.facts.insert("cluster_bus_frames_sent".into(), "7".into());
    assert!(bench.say(client, "INFO cluster").ends_with("cluster_enabled:0 cluster_bus_frames_sent:7"));
}

#[test]
fn errors_are_counted_by_code() {
    let mut bench = Bench::new(&[]);
    let client = bench.client();
    bench.say(client, "NOSUCH");
    bench.say(client, "EXEC");
    assert!(bench.say(client, "INFO errorstats").contains("errorstat_ERR:count=2"));
    bench.say(client, "CONFIG RESETSTAT");
    assert!(!bench.say(client, "INFO errorstats").contains("errorstat_ERR"));
}

#[test]
fn bytes_are_written_for_people() {
    for (bytes, text) in [(0, "0B"), (1023, "1023B"), (1536, "1.50K"), (3 << 30, "3.00G")] {
        assert_eq!(super::human(bytes), text);
    }
}
