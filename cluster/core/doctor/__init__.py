"""What the doctor knows: rules that look at a reading of a deployment and give findings."""
