"""Room of pod injection: what an opted-in pod gets, and the broker that hands the values to its agent."""
