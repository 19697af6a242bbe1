mod life;
mod people;
mod reading;
mod world;
